"""Run a command with the keys that a mounted Secret holds: keyed.py DIRECTORY OPTION,... COMMAND...

Of a Secret's entries any may be missing, so that they cannot stand in the command already.
"""

import os
import sys
from pathlib import Path

directory, options, command = Path(sys.argv[1]), sys.argv[2].split(","), sys.argv[3:]
for option in options:
    if (directory / option).exists():
        command += [f"--{option}-file", str(directory / option)]
os.execvp(command[0], command)
