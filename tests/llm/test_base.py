import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster.registry.sealed import building, is_sealed
from naviyam.errors import ArtifactError, ConfigError
from naviyam.settings import Settings
from training.lora.base import packaged_gguf, prepare_base


def settings_with_base(base: str, tmp_path: Path) -> Settings:
    return Settings.parse({"llm": {"base": base}, "paths": {"cache": str(tmp_path)}})


def make_once(target: Path, made: list[int]) -> None:
    with building(target) as folder:
        if folder is not None:
            made.append(1)
            (folder / "weights").write_text("whole")


def test_a_folder_is_built_once_by_many(tmp_path):
    made: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: make_once(tmp_path / "x", made), range(8)))
    assert made == [1]
    assert is_sealed(tmp_path / "x")


@pytest.mark.parametrize("damage", ["cut", "gone", "no seal"])
def test_a_damaged_folder_is_noticed_and_made_again(tmp_path, damage):
    made: list[int] = []
    target = tmp_path / "x"
    make_once(target, made)
    if damage == "cut":
        (target / "weights").write_text("who")
    else:
        (target / ("weights" if damage == "gone" else "complete.json")).unlink()
    assert not is_sealed(target)
    make_once(target, made)
    assert made == [1, 1]
    assert (target / "weights").read_text() == "whole"


def test_a_failed_build_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="disk"), building(tmp_path / "x"):
        raise RuntimeError("disk full")
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".lock")] == []


def test_the_packaged_file_is_found_without_its_package():
    assert packaged_gguf().suffix == ".gguf"


def test_a_local_folder_passes_through(tiny_base, tmp_path):
    assert prepare_base(settings_with_base(str(tiny_base), tmp_path)) == tiny_base


def test_a_folder_without_safetensors_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(ArtifactError, match=r"no config\.json"):
        prepare_base(settings_with_base(str(folder), tmp_path))
    (folder / "config.json").write_text(json.dumps({}))
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ArtifactError, match="pickled weights are refused"):
        prepare_base(settings_with_base(str(folder), tmp_path))


def test_a_name_that_is_nowhere_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE"):
        prepare_base(settings_with_base("nobody/no-such-model", tmp_path))
    with pytest.raises(ConfigError, match="neither a folder here nor a model name"):
        prepare_base(settings_with_base("/no/such/folder/at/all", tmp_path))


@pytest.mark.parametrize(
    ("name", "targets"), [("ax-light", "q_proj"), ("koalpaca", "query_key_value")]
)
def test_example_profiles_load(name, targets):
    path = Path(__file__).parents[2] / "configs" / f"llm-{name}.yaml"
    assert targets in Settings.load(path, environ={}).llm.target_modules
