"""A profile as text: a shell command, docker run, a Compose file, a systemd unit. All pure."""
