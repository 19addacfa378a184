"""Download a model into HF_HOME and verify it, or wait for that: model.py download|wait REPO REVISION

A download goes on where it was cut off. Every file's size, and the checksum of every large one, is
compared with what the hub says; a file that differs is fetched once more. Then a marker is written,
which names the commit and is what a server waits for.
"""

import concurrent.futures
import hashlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

HOME = Path(os.environ["HF_HOME"])
# Checksums of as many files at a time as the container has cores, in pieces of 16 MiB.
READERS, PIECE = 4, 16 * 2**20
WAIT_SECONDS = 10


def main() -> None:
    verb, repository, revision = sys.argv[1:]
    marker = HOME / "verified" / f"{repository.replace('/', '--')}@{revision.replace('/', '--')}"
    if marker.exists():
        say(f"{repository} is there: {marker.read_text().strip()}")
    elif verb == "wait":
        wait(repository, marker)
    else:
        download(repository, revision, marker)


def wait(repository: str, marker: Path) -> None:
    blobs = HOME / "hub" / f"models--{repository.replace('/', '--')}" / "blobs"
    while not marker.exists():
        size = sum(path.stat().st_size for path in blobs.glob("*") if path.exists())
        say(f"waiting for the download of {repository}: {size / 1e9:.1f} GB are there")
        time.sleep(WAIT_SECONDS)


def download(repository: str, revision: str, marker: Path) -> None:
    from huggingface_hub import HfApi, snapshot_download

    os.access(HOME.parent, os.W_OK) or sys.exit(
        f"error: {HOME.parent} is not writable for user {os.getuid()}\n"
        "       fix: make it belong to security.user, or set security.user to its owner"
    )
    files = HfApi().model_info(repository, revision=revision, files_metadata=True).siblings
    missing = sum(file.size or 0 for file in files) - present(repository)
    HOME.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(HOME).free
    if missing > free:
        sys.exit(
            f"error: {repository} needs {missing / 1e9:.0f} GB more, and {free / 1e9:.0f} GB are "
            "free\n       fix: set model.storage.size higher, or free space on the volume"
        )
    say(f"downloading {repository} at {revision}: {missing / 1e9:.1f} GB")
    for again in (False, True):
        snapshot = Path(snapshot_download(repository, revision=revision))
        # The branch may have moved on since: what counts is what was fetched.
        files = HfApi().model_info(repository, revision=snapshot.name, files_metadata=True).siblings
        with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
            faults = dict(zip(files, pool.map(lambda file: fault(snapshot, file), files)))
        wrong = {file.rfilename: words for file, words in faults.items() if words}
        if not wrong:
            break
        for name, words in wrong.items():
            say(f"{name} {words}")
            (snapshot / name).resolve().unlink(missing_ok=True)
            (snapshot / name).unlink(missing_ok=True)
        if again:
            sys.exit("error: files differ from the hub's twice\n       fix: check the volume")
    marker.parent.mkdir(exist_ok=True)
    part = marker.with_suffix(".part")
    part.write_text(json.dumps({"commit": snapshot.name, "files": len(files)}) + "\n")
    part.rename(marker)
    say(f"{repository} at commit {snapshot.name}: {len(files)} files verified")


def present(repository: str) -> int:
    blobs = HOME / "hub" / f"models--{repository.replace('/', '--')}" / "blobs"
    return sum(path.stat().st_blocks * 512 for path in blobs.glob("*"))


def fault(snapshot: Path, file) -> str:
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
