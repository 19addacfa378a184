#!/usr/bin/env bash
# Pin every package: the CPU sets from fresh environments, the GPU set by resolving alone.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in cpu vllm evaluate; do
    "${1:-python3.11}" -m venv "$work/$name"
    "$work/$name/bin/pip" install --quiet -r $name.in
    {
        echo "# Made by \`make lock\` from $name.in."
        # A CPU build calls itself 2.13.0+cpu; the pin must hold for either build.
        "$work/$name/bin/pip" freeze | sed 's/+cpu$//' | grep -vE '^(torchvision|torchaudio|torchcodec)=='
    } > $name.txt
done
"${1:-python3.11}" -m venv "$work/checkov"
"$work/checkov/bin/pip" install --quiet "$(grep ^checkov== checkov.txt)"
{ head -1 checkov.txt; "$work/checkov/bin/pip" freeze; } > "$work/checkov.txt"
mv "$work/checkov.txt" checkov.txt
"$work/cpu/bin/pip" install --quiet uv
# SGLang's wheels ask for glibc 2.34; it requires pre-releases of its kernel packages.
"$work/cpu/bin/uv" pip compile --quiet --no-header --prerelease allow --python-version 3.12 \
    --python-platform x86_64-manylinux_2_34 --no-annotate -o "$work/gpu.txt" gpu.in
{ echo "# Made by \`make lock\` from gpu.in."; cat "$work/gpu.txt"; } > gpu.txt
