"""Download a model into HF_HOME and verify it, or wait: model.py download|wait REPO REVISION

A download that was cut off goes on with the files that are not complete. Every file's size, and the
checksum of every large one, is compared with what the hub says; a file that differs is fetched once
more. Then a marker is written, which names the commit and is what a server waits for.
"""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

HOME = Path(os.environ["HF_HOME"])
# Checksums of as many files at a time as the container has cores, in pieces of 16 MiB.
READERS, PIECE = 4, 16 * 2**20
WAIT_SECONDS = 10
# A try that was killed leaves parts behind that no later one uses.
STALE_SECONDS = 3600


def main() -> None:
    verb, repository, revision = sys.argv[1:]
    marker = HOME / "verified" / f"{repository.replace('/', '--')}@{revision.replace('/', '--')}"
    if marker.exists():
        say(f"{repository} is there: {marker.read_text().strip()}")
    elif verb == "wait":
        wait(repository, marker)
    else:
        try:
            download(repository, revision, marker)
        except Exception as error:  # whatever the hub, the network or the volume did
            sys.exit(
                f"error: {type(error).__name__}: {error}\n"
                "       fix: see whether the hub can be reached, and is open to model.tokenSecret; "
                "the next try goes on with the files that are not complete"
            )


def wait(repository: str, marker: Path) -> None:
    while not marker.exists():
        say(f"waiting for the download of {repository}: {present(repository) / 1e9:.1f} GB")
        time.sleep(WAIT_SECONDS)


def download(repository: str, revision: str, marker: Path) -> None:
    if not os.access(HOME.parent, os.W_OK):
        sys.exit(
            f"error: {HOME.parent} is not writable for user {os.getuid()}\n"
            "       fix: make it belong to security.user, or set security.user to its owner"
        )
    for part in blobs(repository).glob("*.incomplete"):
        if time.time() - part.stat().st_mtime > STALE_SECONDS:
            part.unlink(missing_ok=True)
    missing = sum(file.size for file in listed(repository, revision)) - present(repository)
    HOME.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(HOME).free
    if missing > free:
        sys.exit(
            f"error: {repository} needs {missing / 1e9:.0f} GB more, and {free / 1e9:.0f} GB are "
            "free\n       fix: set model.storage.size higher, or free space on the volume"
        )
    say(f"downloading {repository} at {revision}: {missing / 1e9:.1f} GB")
    snapshot, wrong = fetch(repository, revision)
    if wrong:
        for name, words in wrong.items():
            say(f"{name} {words}")
            (snapshot / name).resolve().unlink(missing_ok=True)
            (snapshot / name).unlink(missing_ok=True)
        snapshot, wrong = fetch(repository, revision)
    if wrong:
        sys.exit("error: files differ from the hub's twice\n       fix: check the volume")
    marker.parent.mkdir(exist_ok=True)
    part = marker.with_name(f"{marker.name}.part")
    part.write_text(json.dumps({"commit": snapshot.name}) + "\n")
    part.rename(marker)
    say(f"{repository} at commit {snapshot.name} is verified")


def fetch(repository: str, revision: str) -> tuple[Path, dict[str, str]]:
    """The snapshot's directory, and what is wrong with its files."""
    from huggingface_hub import snapshot_download

    snapshot = Path(snapshot_download(repository, revision=revision))
    # The branch may have moved on meanwhile: what counts is what was fetched.
    files = listed(repository, snapshot.name)
    with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
        words = pool.map(fault, [snapshot] * len(files), files)
        found = zip([file.rfilename for file in files], words, strict=True)
        return snapshot, {name: fault for name, fault in found if fault}


def listed(repository: str, revision: str) -> list[Any]:
    """The hub's list of files, with sizes and the checksums of large ones."""
    from huggingface_hub import HfApi

    info = HfApi().model_info(repository, revision=revision, files_metadata=True)
    return list(info.siblings or ())


def blobs(repository: str) -> Path:
    """The directory in which the hub's client keeps a model's files."""
    return HOME / "hub" / f"models--{repository.replace('/', '--')}" / "blobs"


def present(repository: str) -> int:
    """Bytes that are on the disk already."""
    size = 0
    for path in blobs(repository).glob("*"):
        with contextlib.suppress(FileNotFoundError):
            size += path.stat().st_blocks * 512
    return size


def fault(snapshot: Path, file: Any) -> str:
    """What is wrong with one file, in words; empty where nothing is."""
    path = snapshot / file.rfilename
    if not path.exists():
        return "is missing"
    size = path.stat().st_size
    if size != file.size:
        return f"has {size} bytes instead of {file.size}"
    if file.lfs and sha256(path) != file.lfs.sha256:
        return "has another checksum than the hub's"
    return ""


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def say(text: str) -> None:
    print(text, flush=True)


main()
