"""A trained ranker as a folder: weights, feature tables, `model.json`. Written beside and renamed; no torch."""

import os
import shutil
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from naviyam.features.spec import schema_hash
from naviyam.features.tables import FeatureTables
from naviyam.ranker.artifact import F32, WEIGHTS_FILE, ModelCard, file_digests


def write_model(
    out: Path, *, tensors: Mapping[str, F32], tables: FeatureTables, **card: Any
) -> str:
    """Write the model into `out` in place of what was there; return its version, the digest of what it holds."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.parent / f".tmp-{out.name}-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        version = fill_model(temporary, tensors=tensors, tables=tables, version=None, **card)
        for path in temporary.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        old = out.parent / f".old-{out.name}-{os.getpid()}"
        if out.exists():
            out.rename(old)
        temporary.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return version


def fill_model(
    folder: Path,
    *,
    tensors: Mapping[str, F32],
    tables: FeatureTables,
    version: str | None,
    metrics: Mapping[str, Any],
    dataset_hash: str,
    simulated: bool,
    encoder: str,
    encoder_dimension: int,
    seed: int,
    code_version: str,
    parent: str | None = None,
) -> str:
    """Write a model's files into an existing folder; without a name the version is their digest."""
    tables.save(folder)
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / WEIGHTS_FILE)
    digests = file_digests(folder)
    version = (
        version or blake2b("".join(sorted(digests.values())).encode(), digest_size=6).hexdigest()
    )
    ModelCard(
        version=version,
        parent=parent,
        base=None,
        dataset_hash=dataset_hash,
        metrics=metrics,
        feature_schema_hash=schema_hash(),
        encoder=encoder,
        encoder_dimension=encoder_dimension,
        code_version=code_version,
        seed=seed,
        simulated=simulated,
        digests=digests,
    ).save(folder)
    return version
