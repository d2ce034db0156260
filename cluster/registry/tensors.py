"""Tensors of safetensors files, as numpy: names and shapes from the header, values as float32. No torch."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors

from naviyam.errors import ArtifactError

_MAX_HEADER_BYTES = 64 * 1024**2

Array = npt.NDArray[np.float32]


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every tensor of a model folder, read from the files' headers only."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        shapes |= {
            name: tuple(entry["shape"])
            for name, entry in _header(path).items()
            if name != "__metadata__"
        }
    return shapes


def read_tensors(path: Path) -> dict[str, Array]:
    """Read all tensors as float32; the library itself refuses truncated and overlapping data."""
    try:
        raw = safetensors.deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except (safetensors.SafetensorError, OSError) as e:
        raise ArtifactError(f"{path} is truncated or not a safetensors file: {e}") from e
    tensors: dict[str, Array] = {}
    for name, entry in raw:
        tensors[name] = _as_float32(entry, name, path)
        if not np.isfinite(tensors[name]).all():
            raise ArtifactError(
                f"{path}: tensor {name} holds NaN or infinity; the training diverged"
            )
    return tensors


def _header(path: Path) -> dict[str, Any]:
    """Read the JSON header of a safetensors file."""
    with path.open("rb") as file:
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 2 <= length <= _MAX_HEADER_BYTES:
            raise ArtifactError(f"{path} is not a safetensors file")
        try:
            header = json.loads(file.read(length))
        except ValueError as e:
            raise ArtifactError(f"{path} is truncated or not a safetensors file") from e
    if not isinstance(header, dict):
        raise ArtifactError(f"{path} is not a safetensors file")
    return header


def _as_float32(entry: Mapping[str, Any], name: str, path: Path) -> Array:
    data, shape = entry["data"], entry["shape"]
    match entry["dtype"]:
        case "F32":
            flat: Array = np.frombuffer(data, "<f4").astype(np.float32)
        case "F16":
            flat = np.frombuffer(data, "<f2").astype(np.float32)
        case "BF16":
            flat = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
        case other:
            raise ArtifactError(f"{path}: tensor {name} is {other}; BF16, F16 and F32 are served")
    return flat.reshape(shape)
