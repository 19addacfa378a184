from __future__ import annotations

import json

import pytest

from deploy import generate
from deploy.render.forms import FORMS
from tests.launching import run


def test_the_examples_are_current() -> None:
    wanted = generate.examples()
    assert {path: path.read_text(encoding="utf-8") for path in wanted} == wanted, "make generate"
    assert set(generate.EXAMPLES.iterdir()) == set(wanted)


@pytest.mark.parametrize("form", FORMS)
def test_the_verb_prints_the_form_and_warns_on_stderr(form: str) -> None:
    done = run("render", form, "--profile", "b300", "--set", "engine.args.port=8000")
    assert done.returncode == 0
    assert "0.0.0.0:8000:8000" in done.stdout
    assert "[port-open]" in done.stderr
    assert "image-floating" not in done.stderr


@pytest.mark.parametrize("form", FORMS)
def test_a_floating_image_is_warned_of(form: str) -> None:
    done = run("render", form, "--profile", "b300", "--set", "engine.image=lmsysorg/sglang:dev")
    assert done.returncode == 0
    assert "[image-floating]" in done.stderr


def test_docker_has_a_form_for_programs() -> None:
    done = run("render", "docker", "--profile", "b300", "--json", "--api-key-file", "/k/api")
    value = json.loads(done.stdout)
    assert value["argv"][:2] == ["docker", "run"]
    assert value["argv"][-2:] == ["--config", "/run/secrets/keys.yaml"]
    assert "/k/api" in value["setup"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dokcer", "--profile", "b300"), 'did you mean "docker"?'),
        (("helm", "--profile", "b300"), "forms: docker, compose, systemd"),
        (("--profile", "b300"), "arguments are required: FORM"),
        (("docker",), "arguments are required: --profile"),
        (("docker", "--profile", "b3000"), 'did you mean "b300"?'),
        (("docker", "--profile", "b300", "--api-key", "x"), 'did you mean "--api-key-file"?'),
        (("compose", "--profile", "b300", "--json"), "[render-json]"),
        (("docker", "--profile", "cpu"), "make serve"),
        (("systemd", "--profile", "vllm-b300", "--admin-api-key-file", "x"), "[key-unknown]"),
    ],
)
def test_a_wrong_command_line_is_refused_with_the_way_out(
    words: tuple[str, ...], said: str
) -> None:
    done = run("render", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_in_the_environment_is_not_rendered() -> None:
    done = run("render", "docker", "--profile", "b300", GLM_API_KEY="s3cret")
    assert done.returncode == 0
    assert "s3cret" not in done.stdout
    assert "--config" not in done.stdout
