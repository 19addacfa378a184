from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from deploy import keys
from deploy.errors import Refused


def key_file(tmp_path: Path, text: str, mode: int = 0o600) -> str:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_a_key_comes_from_its_file_before_the_environment(tmp_path: Path) -> None:
    name = key_file(tmp_path, "from-file\n")
    environ = {"GLM_API_KEY": "from-environment", "GLM_ADMIN_API_KEY": "admin"}
    assert keys.read({"api-key": name}, environ) == {
        "api-key": "from-file",
        "admin-api-key": "admin",
    }
    assert keys.read({}, {}) == {}


@pytest.mark.parametrize(
    ("text", "mode", "code"),
    [
        ("q7Z", 0o644, "key-file-open"),
        ("q7Z", 0o640, "key-file-open"),
        ("", 0o600, "key-empty"),
        (" \n", 0o600, "key-empty"),
        ("a b", 0o600, "key-format"),
        ("-q7Z", 0o600, "key-format"),
        ("ké", 0o600, "key-format"),
        ("a\nb", 0o600, "key-format"),
    ],
)
def test_a_key_that_cannot_be_used(tmp_path: Path, text: str, mode: int, code: str) -> None:
    with pytest.raises(Refused) as caught:
        keys.read({"api-key": key_file(tmp_path, text, mode)}, {})
    assert [finding.code for finding in caught.value.findings] == [code]
    if text.strip():
        assert text.strip() not in str(caught.value).replace(str(tmp_path), "")


def test_faults_of_both_keys_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        keys.read({"api-key": str(tmp_path / "no")}, {"GLM_ADMIN_API_KEY": ""})
    assert [finding.code for finding in caught.value.findings] == ["key-file", "key-empty"]


def test_the_config_file_is_the_owners_alone_and_goes_away() -> None:
    secrets = {"api-key": 'a"\\k:#', "admin-api-key": "0123"}
    with keys.config_file(secrets) as path:
        assert path is not None
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert yaml.safe_load(path.read_text()) == secrets
        assert path.suffix == ".yaml"  # the engine takes no other
    assert not path.exists()
    with keys.config_file({}) as nothing:
        assert nothing is None
