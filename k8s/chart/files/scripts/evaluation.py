"""Begin an evaluation or go on with the one that is there: evaluation.py DIRECTORY COMMAND...

The directory is a Job's own: a pod that follows a failed one asks only what is missing, and no
rollout passes on an earlier one's answers. evalscope is where this runs.
"""

import os
import sys
from pathlib import Path

directory, command = sys.argv[1], sys.argv[2:]
place = "--resume" if (Path(directory) / "settings.json").exists() else "--out"
os.execvp(command[0], [*command, "--harness-python", sys.executable, place, directory])
