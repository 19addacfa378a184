"""Wait for the servers of a rollout: wait.py FILE NAME URL

FILE says how many servers there will be and how many seconds that may take. NAME is a headless
Service that chooses the servers of one rollout: it resolves to those that are ready. URL is the
Service that clients use; a node may learn of new servers a moment later.
"""

import json
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

INTERVAL_SECONDS = 2
CONNECT_SECONDS = 5


def main() -> None:
    rollout = json.loads(Path(sys.argv[1]).read_text())
    name, url = sys.argv[2:]
    count, seconds = rollout["servers"], rollout["seconds"]
    end, said = time.monotonic() + seconds, ""
    while not ((ready := resolved(name)) >= count and listens(url)):
        state = f"{ready} of {count} servers of this rollout are ready"
        if state != said:
            print(state, flush=True)
        said = state
        if time.monotonic() > end:
            sys.exit(
                f"error: {state}, and {seconds:.0f} s have passed\n"
                "       fix: see why with kubectl describe and logs of the server's pods"
            )
        time.sleep(INTERVAL_SECONDS)
    print(f"{ready} of {count} servers of this rollout are ready, and {url} listens", flush=True)


def resolved(name: str) -> int:
    """How many addresses a name has; 0 where it is not known."""
    try:
        return len({found[4][0] for found in socket.getaddrinfo(name, None)})
    except socket.gaierror:
        return 0


def listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


main()
