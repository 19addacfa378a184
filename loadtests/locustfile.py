"""`locust -f loadtests/locustfile.py --host http://... --scenario smoke`: see docs/load-testing.md.

Locust brings the processes, the messages between them, the web page and its statistics; what is
sent, measured and judged is the package beside this file.
"""

import sys
from pathlib import Path

# The folder above, wherever this one is mounted; it must be called loadtests.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from loadtests.plugin import Driver, Timeline, install

__all__ = ["Driver", "Timeline"]

install()
