"""What every container form says of a profile: derived here, once, and only printed elsewhere."""

from __future__ import annotations

import ipaddress
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deploy import keys
from deploy.errors import Finding, Refused
from deploy.hardware import CPU, GIB
from deploy.listing import NOT_VERIFIED
from deploy.profile import Profile
from deploy.render.shell import write_keys

# /dev/shm, through which NCCL and the workers exchange data: Docker gives 64 MB, SGLang's recipes
# for this model give 32 GB. The host's own (--ipc=host) would open the host's shared memory, too.
SHM_BYTES = 32 * GIB
# Pinned memory without a bound and a stack of 64 MiB: NVIDIA's advice for its own containers.
# That stack and 65535 open files are what SGLang 0.5.20 raises its soft limits to where it may.
ULIMITS = {"memlock": -1, "stack": 64 * 2**20, "nofile": 65535}
# All others are dropped. With it the engine binds each worker to its GPU's NUMA node.
CAPABILITY = "SYS_NICE"
# One gigabyte; Docker's default has no bound.
LOG_FILES, LOG_FILE_MEGABYTES = 10, 100
# On top of the drain, as in SGLang 0.5.20: it looks every 5 s whether it shall stop, every 5 s
# whether requests are left, gives its workers 15 s, and waits 60 s for killed processes.
STOP_MARGIN_SECONDS = 5 + 5 + 15 + 60

_ANY = "0.0.0.0"
_HUB_CACHE, _KERNEL_CACHE = "/cache/huggingface", "/cache/kernels"
_SECRETS, _HOST_DIRECTORY = "/run/secrets", "/etc/glm-serving"


@dataclass(frozen=True)
class Mount:
    """A directory or file of the container; ``source`` is a host path or a volume's name."""

    source: str
    target: str
    read_only: bool = False

    @property
    def is_volume(self) -> bool:
        """Whether Docker keeps it."""
        return not self.source.startswith("/")


@dataclass(frozen=True)
class Secret:
    """A file with a secret: its name, its path on the host, and its path in the container."""

    name: str
    source: str
    target: str


@dataclass(frozen=True)
class Health:
    """The question for readiness. Docker only labels a container by it, it restarts nothing."""

    command: tuple[str, ...]
    interval_seconds: int = 30
    # Longer than the 20 s after which SGLang's /health gives up (before 0.5.20 there is no /ready).
    timeout_seconds: int = 30
    retries: int = 3
    # NVIDIA Dynamo's guide to its GLM-5 NVFP4 recipe: a cold start can take about an hour.
    start_period_seconds: int = 3600


@dataclass(frozen=True)
class Sources:
    """What the operator names besides the profile; the files are never read here."""

    key_files: Mapping[str, str | None]
    hub_token_file: str | None = None
    cache_directory: str | None = None


@dataclass(frozen=True)
class Container:
    """A profile's engine in a container.

    ``argv`` and ``env`` are the profile's own, with what a container needs on top. ``setup`` is
    what root must run once before, as shell text, or empty. ``notes`` are what a reader should
    know, a line each.
    """

    name: str
    image: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    gpus: int
    mounts: tuple[Mount, ...]
    secrets: tuple[Secret, ...]
    publish: str
    health: Health
    stop_seconds: int
    setup: str
    notes: tuple[str, ...]


def container(profile: Profile, name: str, sources: Sources) -> Container:
    """The container of the profile called ``name``; Refused where one host's Docker cannot."""
    keys.check_known(profile.driver, sources.key_files, {})
    if faults := list(_faults(profile)):
        raise Refused(faults)
    # A container's 127.0.0.1 is its own: Docker forwards to the container's address, so the server
    # binds every address in there, and the host's address decides who reaches it.
    inner = profile if profile.host == _ANY else profile.with_argument("host", _ANY)
    name = "glm-" + (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "server")
    secrets = {secret.name: secret for secret in _secrets(name, sources)}
    config = ("--config", secrets["keys"].target) if "keys" in secrets else ()
    command = inner.command()
    env = {"HF_HOME": _HUB_CACHE}
    for variable, directory in profile.driver.cache_dirs.items():
        env[variable] = f"{_KERNEL_CACHE}/{directory}"
    if "hub-token" in secrets:
        env["HF_TOKEN_PATH"] = secrets["hub-token"].target
    return Container(
        name=name,
        image=command.image,
        argv=(*command.argv, *config),
        env={**env, **command.env},  # what the profile sets is the profile's business
        gpus=profile.hardware.count,
        mounts=(*_caches(sources), *_named_paths(profile)),
        secrets=tuple(secrets.values()),
        publish=f"{_published(profile.host)}:{profile.port}:{profile.port}",
        health=Health(_health_command(inner)),
        stop_seconds=math.ceil(profile.limits.drain_seconds) + STOP_MARGIN_SECONDS,
        setup=_setup(name, sources),
        notes=tuple(_notes(profile, sources)),
    )


def warnings(profile: Profile, sources: Sources) -> Iterator[Finding]:
    """What is open to others in the rendered form."""
    missing = [
        option for name, option in profile.driver.secrets.items() if not sources.key_files.get(name)
    ]
    host = _address(profile.host)
    if missing and not (host and host.is_loopback):
        yield Finding(
            "port-open",
            f"{profile.host}:{profile.port}",
            "whoever reaches the port may use or administer the server; Docker opens it past the "
            "host's firewall",
            f"render with {' and '.join(missing)}, or set engine.args.host=127.0.0.1",
            "warning",
        )


def _faults(profile: Profile) -> Iterator[Finding]:
    hardware = profile.hardware
    if hardware.gpu == CPU:
        yield Finding(
            "render-cpu",
            "hardware.gpu cpu",
            "the image holds the engine for GPUs, and not this repository's part for the CPU",
            "serve it without a container (make serve)",
        )
    if hardware.nodes > 1:
        yield Finding(
            "render-nodes",
            f"hardware.nodes {hardware.nodes}",
            "these forms start one container on one host",
            "render a profile of one node",
        )
    if _published(profile.host) is None:
        yield Finding(
            "render-host",
            f"engine.args.host {profile.host}",
            "Docker publishes a port on an address, not on a name",
            "use 0.0.0.0, 127.0.0.1 or an address of the host",
        )
    model = profile.model
    if not model.startswith("/") and (model.startswith((".", "~")) or model.count("/") > 1):
        yield Finding(
            "render-model",
            f"engine.args.{profile.driver.model_option} {model}",
            "a relative path means nothing in a container",
            "use the absolute path of the directory on the host, or a repository of the hub",
        )


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None


def _published(host: str) -> str | None:
    """The host's address as a published port writes it; None where it is a name."""
    address = _address(host)
    if address is None:
        return None
    return f"[{address}]" if address.version == 6 else str(address)


def _secrets(name: str, sources: Sources) -> Iterator[Secret]:
    if any(sources.key_files.values()):
        # Without this suffix the engine refuses its config file.
        yield Secret("keys", _keys_file(name), f"{_SECRETS}/keys.yaml")
    if sources.hub_token_file:
        source = keys.absolute(sources.hub_token_file)
        yield Secret("hub-token", source, f"{_SECRETS}/hub-token")


def _keys_file(name: str) -> str:
    return f"{_HOST_DIRECTORY}/{name}-keys.yaml"


def _caches(sources: Sources) -> tuple[Mount, ...]:
    if sources.cache_directory is None:
        # One copy of the weights for every profile.
        return Mount("glm-huggingface", _HUB_CACHE), Mount("glm-kernels", _KERNEL_CACHE)
    root = keys.absolute(sources.cache_directory).rstrip("/")
    return Mount(f"{root}/huggingface", _HUB_CACHE), Mount(f"{root}/kernels", _KERNEL_CACHE)


def _named_paths(profile: Profile) -> Iterator[Mount]:
    """The host's files that engine options name, at the same path, to be read only."""
    paths: dict[str, None] = {}
    for value in profile.engine.args.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and item.startswith("/"):
                paths[item] = None
    return (Mount(path, path, read_only=True) for path in paths)


def _health_command(profile: Profile) -> tuple[str, ...]:
    """Python, which every engine image has, asks the ready path from inside the container."""
    path = profile.driver.ready_path(profile.engine.version)
    scheme, module, trust = "HTTP", "http.client", ""
    if profile.argument("ssl-certfile"):
        # The certificate names another host than 127.0.0.1.
        scheme, module = "HTTPS", "http.client, ssl"
        trust = ", context=ssl._create_unverified_context()"
    code = (
        f"import {module}, sys; "
        f'server = http.client.{scheme}Connection("127.0.0.1", {profile.port}, timeout=25{trust}); '
        f'server.request("GET", "{path}"); sys.exit(server.getresponse().status != 200)'
    )
    return "python3", "-ISc", code


def _setup(name: str, sources: Sources) -> str:
    steps = []
    if sources.cache_directory:
        steps.append(shlex.join(["mkdir", "-p", *(mount.source for mount in _caches(sources))]))
    if words := keys.sources(sources.key_files, {}):
        steps += [shlex.join(["mkdir", "-p", _HOST_DIRECTORY]), write_keys(words, _keys_file(name))]
    return " &&\n".join(steps)


def _notes(profile: Profile, sources: Sources) -> Iterator[str]:
    verified = "; ".join(profile.evidence.verified_on) or NOT_VERIFIED
    yield f"{' '.join(profile.summary.split())}. Verified: {' '.join(verified.split())}."
    yield "Rendered by launch.py: change the profile and render again, not this text."
    yield "Needs root, Docker 20.10 or newer and the NVIDIA Container Toolkit."
    if profile.host != _ANY:
        yield f"Published on {profile.host} alone; in the container the server binds {_ANY}."
    if sources.hub_token_file or sources.cache_directory:
        yield "Every file named here must be root's: the container cannot read past file modes."
    yield "The root file system stays writable: nobody has tried this image with --read-only."
