#!/usr/bin/env bash
# Write requirements/cpu.lock from the packages in .venv. torch and the build tools have files of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=requirements/cpu.lock
{
  sed -n '/^#/p' "$lock"
  "${VENV:-.venv}/bin/python" -m pip freeze --exclude-editable --exclude torch --exclude torchvision \
    --exclude torchaudio --exclude torchcodec --exclude naviyam | { grep -v '^#' || true; } | LC_ALL=C sort -f
} >"$lock.new"
mv "$lock.new" "$lock"
