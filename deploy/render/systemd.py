"""A container as a systemd unit, run through Docker."""

from __future__ import annotations

import re

from deploy.render.container import Container
from deploy.render.docker import engine_rows, mount_option, options
from deploy.render.shell import comments

# What Docker itself may need to kill and remove a container whose grace is over.
_STOP_SLACK_SECONDS = 30
# Characters that mean themselves in a word of ExecStart; all others are quoted.
_PLAIN = re.compile(r"[\w./:=@,+-]+", re.ASCII)
_SPECIAL = re.compile(r'[\x01-\x1f\x7f"\\]')

_UNIT = """\
{comments}
[Unit]
Description=GLM-5.1 server {name}
Requires=docker.service
Wants=network-online.target
After=docker.service network-online.target
# Without it GPUs behind NVSwitch do not start; a host that has none ignores this.
After=nvidia-fabricmanager.service

[Service]
Type=exec
{credentials}# A container of that name is the leftover of a killed client.
ExecStartPre=-/usr/bin/docker rm --force {name}
ExecStart={command}
ExecStop=/usr/bin/docker stop -t {stop_seconds} {name}
ExecStopPost=-/usr/bin/docker rm --force {name}
# The removal above; the engine itself may load as long as it likes.
TimeoutStartSec=300
# The drain of limits.drain_seconds, what the engine needs around it, and what Docker needs.
TimeoutStopSec={timeout_seconds}
Restart=on-failure
# Ever longer pauses, up to five minutes; before systemd 254 it is ten seconds each time.
RestartSec=10
RestartSteps=5
RestartMaxDelaySec=300
# 2: the engine does not accept its command line, and will not the next time.
RestartPreventExitStatus=2
# 143: stopped before it could serve.
SuccessExitStatus=143

# This confines the docker client, which only talks to Docker's socket. The container is confined
# by the options above.
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
IPAddressDeny=any
RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target"""


def text(container: Container) -> str:
    """The unit, with comments and with what root must run once before."""
    usage = (
        f"Install as /etc/systemd/system/{container.name}.service; systemctl daemon-reload; "
        f"systemctl enable --now {container.name}.",
        f"Logs: journalctl -fu {container.name}; journald rotates them.",
    )
    credentials = "".join(
        f"LoadCredential={_specifiers(f'{secret.name}:{secret.source}')}\n"
        for secret in container.secrets
    )
    return _UNIT.format(
        comments=comments([*container.notes, *usage], container.setup),
        name=container.name,
        credentials=credentials,
        command=_command(container),
        stop_seconds=container.stop_seconds,
        timeout_seconds=container.stop_seconds + _STOP_SLACK_SECONDS,
    )


def word(text: str) -> str:
    """One word of a command line as systemd reads it (systemd.service(5), "Command lines")."""
    if _PLAIN.fullmatch(text):
        return text
    return f'"{_specifiers(_SPECIAL.sub(_escaped, text))}"'.replace("$", "$$")


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}" if found[0] in '"\\' else f"\\x{ord(found[0]):02x}"


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _command(container: Container) -> str:
    words = [[word(text) for text in row] for row in options(container)]
    rows = [
        ["/usr/bin/docker", "run", "--rm"],
        *words,
        # systemd sets the variable: a directory that only root and this unit can read.
        *(
            mount_option("bind", f"${{CREDENTIALS_DIRECTORY}}/{secret.name}", secret.target, True)
            for secret in container.secrets
        ),
        # The client hands the output to journald; a second copy would need its own rotation.
        ["--log-driver", "none"],
        *([word(text) for text in row] for row in engine_rows(container)),
    ]
    return " \\\n  ".join(" ".join(row) for row in rows)
