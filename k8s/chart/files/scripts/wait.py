"""Wait for the servers of a rollout: wait.py NAME COUNT URL SECONDS

NAME is a headless Service that chooses the servers of one rollout: it resolves to those that are
ready. URL is the Service that clients use; a node may learn of new servers a moment later.
"""

import socket
import sys
import time
from urllib.parse import urlsplit

INTERVAL_SECONDS = 2
CONNECT_SECONDS = 5


def main() -> None:
    name, count, url, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
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
