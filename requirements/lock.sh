#!/usr/bin/env bash
# Pin every package: the CPU set from a fresh environment, the GPU set by resolving alone.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${1:-python3.11}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet -r cpu.in
{
    echo "# Made by \`make lock\` from cpu.in."
    # A CPU build calls itself 2.13.0+cpu; the pin must hold for either build.
    "$work/venv/bin/pip" freeze | sed 's/+cpu$//'
} > cpu.txt
"$work/venv/bin/pip" install --quiet uv
# SGLang's wheels ask for glibc 2.34; it requires pre-releases of its kernel packages.
"$work/venv/bin/uv" pip compile --quiet --no-header --prerelease allow --python-version 3.12 \
    --python-platform x86_64-manylinux_2_34 --no-annotate -o "$work/gpu.txt" gpu.in
{ echo "# Made by \`make lock\` from gpu.in."; cat "$work/gpu.txt"; } > gpu.txt
