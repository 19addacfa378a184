"""Write the engine's config file from a mounted Secret: keys.py SECRET_DIRECTORY FILE OPTION..."""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    directory, target, options = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    # A Secret's entries are links; what starts with two dots is the kubelet's own.
    given = sorted(path.name for path in directory.iterdir() if not path.name.startswith(".."))
    faults = [
        f"the Secret's entry {name} is no key of this engine; it takes {', '.join(options)}"
        for name in given
        if name not in options
    ]
    lines = []
    for name in (name for name in options if name in given):
        key = (directory / name).read_text(encoding="utf-8", errors="replace").strip()
        # A dash in front reads as an option, and a header carries printable ASCII only.
        if (
            not key
            or key.startswith("-")
            or not key.isascii()
            or not key.isprintable()
            or " " in key
        ):
            faults.append(f"the Secret's entry {name} is not printable ASCII without spaces")
        lines.append(f"{name}: {json.dumps(key)}\n")
    if not lines:
        faults.append(f"the Secret holds none of the entries {', '.join(options)}")
    if faults:
        sys.exit("".join(f"error: {fault}\n" for fault in faults))
    # A container that starts again finds the file of its predecessor.
    target.unlink(missing_ok=True)
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.writelines(lines)


main()
