"""The server's address: free to be bound."""

from __future__ import annotations

import socket

from deploy.preflight.codes import Outcome, fault, passed


def check(host: str, port: int) -> Outcome:
    """By binding it as the engine will, for a moment."""
    where = f"{host}:{port}"
    if not 0 < port < 65536:
        return fault("port-number", where)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return fault("host-unknown", f"{host}: {error.strerror}")
    family, kind, _, _, address = found[0]
    with socket.socket(family, kind) as probe:
        # As the engine does: connections of an earlier server that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            return fault("port-taken", f"{where} cannot be bound: {error.strerror}")
    return passed("port", f"{where} is free")
