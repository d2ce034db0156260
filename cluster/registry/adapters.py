"""LoRA adapters as files: is this one whole, safe and made for that base? And the difference of two.

Pure file work with numpy: no torch, no engine, nothing is executed. Reads safetensors only. The layout is
PEFT's own (`adapter_config.json`, `adapter_model.safetensors`), with the project's `model.json` beside it.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from cluster.registry.sealed import building, file_sha256, sealed_hashes
from cluster.registry.tensors import Array, read_tensors, tensor_shapes
from naviyam.errors import ArtifactError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
CARD = "model.json"
MAX_RANK = 256
MAX_WEIGHT_BYTES = 2 * 1024**3
_MAX_JSON_BYTES = 256 * 1024
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
_TENSOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_UNSUPPORTED: Mapping[str, tuple[object, ...]] = {
    "use_dora": (False,),
    "bias": ("none",),
    "modules_to_save": ([],),
    "rank_pattern": ({},),
    "alpha_pattern": ({},),
    "fan_in_fan_out": (False,),
    "lora_bias": (False,),
    "init_lora_weights": (True, False, "gaussian"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterInfo:
    """A checked adapter. `digest` names its content; two folders with one digest are one adapter."""

    folder: Path
    base: str
    rank: int
    alpha: float
    scale: float
    target_modules: tuple[str, ...]
    parameters: int
    size_bytes: int
    digest: str


def base_name(folder: Path) -> str:
    """Return a base's portable name: the hub name, or the folder's name without a cache hash.

    >>> base_name(Path("/cache/base/smollm2-135m-instruct-b179c9523d0e"))
    'smollm2-135m-instruct'
    >>> base_name(Path("/hub/models--skt--A.X-3.1-Light/snapshots/0a1b2c3d"))
    'skt/A.X-3.1-Light'
    """
    for part in folder.parts:
        if part.startswith("models--"):
            return part.removeprefix("models--").replace("--", "/", 1)
    return re.sub(r"-[0-9a-f]{12}$", "", folder.name)


def base_digest(folder: Path) -> str:
    """Return the SHA-256 over a base's weight files; read from the seal where there is one."""
    sealed = sealed_hashes(folder) or {}
    names = sorted(p.name for p in folder.glob("*.safetensors"))
    if not names:
        raise ArtifactError(f"{folder} holds no *.safetensors; is it a model folder?")
    lines = [f"{n} {sealed.get(n) or file_sha256(folder / n)}" for n in names]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def check_adapter(folder: Path, base: Path, *, max_rank: int = MAX_RANK) -> AdapterInfo:
    """Check that an adapter is whole, in safetensors, finite, and made for the base in folder `base`.

    Raises:
        ArtifactError: it is not; the message names the file and what is wrong with it.
    """
    config, card = _read_json(folder / CONFIG), _read_card(folder)
    _refuse_unsafe(folder)
    rank, scale = _rank_and_scale(config, folder, max_rank)
    _check_base(config, card, folder, base)
    _check_weight_file(folder / WEIGHTS, card)
    tensors = read_tensors(folder / WEIGHTS)
    targets = _check_tensors(tensors, config, rank, folder, tensor_shapes(base))
    identity = f"{rank} {scale!r} {file_sha256(folder / WEIGHTS)}"
    return AdapterInfo(
        folder=folder,
        base=base_name(base),
        rank=rank,
        alpha=float(config["lora_alpha"]),
        scale=scale,
        target_modules=targets,
        parameters=sum(t.size for t in tensors.values()),
        size_bytes=(folder / WEIGHTS).stat().st_size,
        digest=hashlib.sha256(identity.encode()).hexdigest(),
    )


def low_rank_pairs(info: AdapterInfo) -> dict[str, tuple[Array, Array]]:
    """Return per module A [rank, in] and B [out, rank]; the weight changes by `scale * B @ A`."""
    tensors = read_tensors(info.folder / WEIGHTS)
    prefix = "base_model.model."
    modules = sorted({_parse(name, info.folder)[0] for name in tensors})
    return {
        m: (tensors[f"{prefix}{m}.lora_A.weight"], tensors[f"{prefix}{m}.lora_B.weight"])
        for m in modules
    }


def difference_adapter(challenger: AdapterInfo, champion: AdapterInfo, out: Path) -> Path:
    """Write the adapter that turns base + champion into base + challenger; return its folder below `out`.

    Both were trained on the plain base. The result concatenates the challenger with the negated champion
    along the rank, scales folded into B, in float32: an exact identity, of the summed rank.
    """
    if challenger.base != champion.base:
        raise ArtifactError(
            f"{challenger.folder} is for base {challenger.base!r}, the champion for {champion.base!r};"
            " a difference needs one base"
        )
    target = out / f"{challenger.digest[:12]}-minus-{champion.digest[:12]}"
    with building(target) as temporary:
        if temporary is not None:
            _write_difference(challenger, champion, temporary)
    return target


def undoing_adapter(champion: AdapterInfo, out: Path) -> Path:
    """Write the adapter that turns base + champion back into the plain base; return its folder below `out`."""
    target = out / f"base-minus-{champion.digest[:12]}"
    with building(target) as temporary:
        if temporary is not None:
            _write_difference(None, champion, temporary)
    return target


def _write_difference(challenger: AdapterInfo | None, champion: AdapterInfo, folder: Path) -> None:
    """Write what leads from the champion to the challenger, or to the plain base where that is None."""
    added = {} if challenger is None else low_rank_pairs(challenger)
    added_rank, added_scale = (
        (0, 0.0) if challenger is None else (challenger.rank, challenger.scale)
    )
    removed = low_rank_pairs(champion)
    rank = added_rank + champion.rank
    tensors: dict[str, Array] = {}
    for module in sorted(added | removed):
        a_in, b_out = _sizes(added.get(module) or removed[module])
        a_plus, b_plus = added.get(module) or _nothing(added_rank, a_in, b_out)
        a_minus, b_minus = removed.get(module) or _nothing(champion.rank, a_in, b_out)
        name = f"base_model.model.{module}"
        tensors[f"{name}.lora_A.weight"] = np.concatenate([a_plus, a_minus], axis=0)
        tensors[f"{name}.lora_B.weight"] = np.concatenate(
            [b_plus * np.float32(added_scale), b_minus * np.float32(-champion.scale)], axis=1
        )
    save_file(tensors, folder / WEIGHTS)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": champion.base,
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({m.rsplit(".", 1)[-1] for m in added | removed}),
        "inference_mode": True,
    }
    to = "base" if challenger is None else challenger.digest
    card = {"kind": "difference", "challenger": to, "champion": champion.digest}
    (folder / CONFIG).write_text(json.dumps(config, indent=1), encoding="utf-8")
    (folder / CARD).write_text(json.dumps(card, indent=1), encoding="utf-8")


def _sizes(pair: tuple[Array, Array]) -> tuple[int, int]:
    return pair[0].shape[1], pair[1].shape[0]


def _nothing(rank: int, a_in: int, b_out: int) -> tuple[Array, Array]:
    return np.zeros((rank, a_in), np.float32), np.zeros((b_out, rank), np.float32)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ArtifactError(f"{path} is above {_MAX_JSON_BYTES} bytes; it is not a {path.name}")
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as e:
        raise ArtifactError(
            f"{path} is missing; an adapter folder holds {CONFIG}, {WEIGHTS}"
        ) from e
    except (OSError, ValueError) as e:
        raise ArtifactError(f"{path} cannot be read as JSON: {e}") from e
    if not isinstance(value, dict):
        raise ArtifactError(f"{path} must hold an object, not {type(value).__name__}")
    return value


def _read_card(folder: Path) -> dict[str, Any]:
    card = _read_json(folder / CARD) if (folder / CARD).exists() else {}
    if card.get("kind") == "difference":
        raise ArtifactError(f"{folder} is a difference made for one engine; load its original")
    return card


def _refuse_unsafe(folder: Path) -> None:
    for pattern in _PICKLES:
        for found in folder.glob(pattern):
            raise ArtifactError(f"{found} may be a pickle; only {WEIGHTS} is loaded, remove it")


def _rank_and_scale(config: Mapping[str, Any], folder: Path, max_rank: int) -> tuple[int, float]:
    where = folder / CONFIG
    if config.get("peft_type") != "LORA":
        raise ArtifactError(
            f"{where}: peft_type is {config.get('peft_type')!r}; only LORA is served"
        )
    for key, allowed in _UNSUPPORTED.items():
        value = config.get(key)
        if value is not None and value not in allowed:
            raise ArtifactError(f"{where}: {key} is {value!r}; served adapters need {allowed[0]!r}")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= max_rank:
        raise ArtifactError(f"{where}: r is {rank!r}; it must be a whole number of 1 to {max_rank}")
    if not isinstance(alpha, int | float) or not math.isfinite(alpha) or alpha <= 0:
        raise ArtifactError(f"{where}: lora_alpha is {alpha!r}; it must be a positive number")
    return rank, alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _check_base(
    config: Mapping[str, Any], card: Mapping[str, Any], folder: Path, base: Path
) -> None:
    wanted = base_name(base)
    stated = [str(s) for s in (config.get("base_model_name_or_path"), card.get("base")) if s]
    if not stated:
        raise ArtifactError(f"{folder} does not say its base; set base_model_name_or_path")
    for name in stated:
        found = base_name(Path(name)) if name.startswith(("/", "~", ".")) else name
        if found != wanted and found.split("/")[-1] != wanted.split("/")[-1]:
            raise ArtifactError(
                f"{folder} was trained on {found!r}, the engine serves {wanted!r}; train it on this base"
            )
    digest = card.get("base_sha256")
    if digest and digest != base_digest(base):
        raise ArtifactError(
            f"{folder} was trained on other weights of {wanted!r} (sha256 {str(digest)[:12]}...,"
            f" here {base_digest(base)[:12]}...); train it again on these"
        )


def _check_weight_file(path: Path, card: Mapping[str, Any]) -> None:
    try:
        size = path.stat().st_size
    except OSError as e:
        raise ArtifactError(f"{path} is missing; adapters are loaded from safetensors only") from e
    if size > MAX_WEIGHT_BYTES:
        raise ArtifactError(f"{path} has {size} bytes; the limit is {MAX_WEIGHT_BYTES}")
    if card.get("sha256") and card["sha256"] != file_sha256(path):
        raise ArtifactError(f"{path} does not match the sha256 in {CARD}; fetch or train it again")


def _parse(name: str, folder: Path) -> tuple[str, str]:
    match = _TENSOR.fullmatch(name)
    if match is None:
        raise ArtifactError(
            f"{folder / WEIGHTS}: tensor {name} is not a LoRA A or B of PEFT's layout"
        )
    return match["module"], match["side"]


def _check_tensors(
    tensors: Mapping[str, Array],
    config: Mapping[str, Any],
    rank: int,
    folder: Path,
    base_shapes: Mapping[str, tuple[int, ...]],
) -> tuple[str, ...]:
    """Check names and shapes against the base; return the target modules found."""
    where = folder / WEIGHTS
    sides: dict[str, set[str]] = {}
    for name, tensor in tensors.items():
        module, side = _parse(name, folder)
        shape = base_shapes.get(f"{module}.weight")
        if shape is None or len(shape) != 2:
            raise ArtifactError(
                f"{where}: the base has no linear layer {module}; it is another base's"
            )
        wanted = (rank, shape[1]) if side == "A" else (shape[0], rank)
        if tensor.shape != wanted:
            raise ArtifactError(
                f"{where}: {name} has shape {tensor.shape}, base and rank {rank} need {wanted}"
            )
        sides.setdefault(module, set()).add(side)
    half = sorted(m for m, found in sides.items() if len(found) != 2)
    if half or not sides:
        raise ArtifactError(f"{where}: A or B is missing of {half[0] if half else 'every layer'}")
    targets = tuple(sorted({m.rsplit(".", 1)[-1] for m in sides}))
    _check_targets(targets, sides.keys(), config, where, base_shapes)
    return targets


def _check_targets(
    targets: tuple[str, ...],
    modules: Any,
    config: Mapping[str, Any],
    where: Path,
    base_shapes: Mapping[str, tuple[int, ...]],
) -> None:
    stated = config.get("target_modules")
    if isinstance(stated, list) and tuple(sorted(stated)) != targets:
        raise ArtifactError(
            f"{where} holds {targets}, {CONFIG} says target_modules {sorted(stated)}"
        )
    if config.get("layers_to_transform") is not None:
        return
    expected = {n.removesuffix(".weight") for n, s in base_shapes.items() if len(s) == 2}
    missing = sorted(m for m in expected - set(modules) if m.rsplit(".", 1)[-1] in targets)
    if missing:
        raise ArtifactError(f"{where} lacks {len(missing)} layers, first {missing[0]}; is it cut?")
