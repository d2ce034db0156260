"""Files that build on files: what wins, where it came from, and every way in which that goes wrong."""

from pathlib import Path

import pytest

from naviyam.errors import ConfigError
from naviyam.settings import Settings
from naviyam.settings.keys import suggestion
from naviyam.settings.sources import read_sources


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / f"{next(iter(texts))}.yaml"


def test_a_file_holds_only_what_differs_from_the_one_it_extends(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        child="extends: base.yaml\nserving: {port: 9001}\nrollout:\n  alpha: 0.01\n",
        base="serving:\n  port: 9000\n  dashboard_port: 9100\nwriting:\n  max_tokens: 99\n",
    )
    settings = Settings.load(path, environ={})
    assert (settings.serving.port, settings.serving.dashboard_port) == (9001, 9100)
    assert settings.writing.max_tokens == 99
    sources = read_sources(path, {"NAVIYAM__WRITING__MAX_TOKENS": "77"})
    told = {".".join(k): str(o) for k, o in sources.origins.items()}
    assert told == {
        "serving.port": f"{path}:2",
        "serving.dashboard_port": f"{tmp_path / 'base.yaml'}:3",
        "writing.max_tokens": "NAVIYAM__WRITING__MAX_TOKENS",
        "rollout.alpha": f"{path}:4",
    }


def test_the_later_of_two_parents_wins_and_lists_are_replaced_whole(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        child="extends: [a.yaml, b.yaml]\n",
        a="llm: {max_num_seqs: 1, target_modules: [x, y], max_loras: 3}\n",
        b="llm: {max_num_seqs: 2, target_modules: [z]}\n",
    )
    llm = Settings.load(path, environ={}).llm
    assert (llm.max_num_seqs, llm.max_loras, llm.target_modules) == (2, 3, ("z",))


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"a": "extends: b.yaml", "b": "extends: a.yaml"}, "a.yaml -> b.yaml -> a.yaml"),
        ({"a": "extends: gone.yaml"}, "gone.yaml"),
        ({"a": "extends: {x: 1}"}, "a list of files"),
        ({"a": "extends: b.yaml", "b": "serving: ["}, "b.yaml is not YAML"),
        ({"a": "- serving"}, "not list"),
        ({"a": "seed: 1\nseed: 2"}, "a.yaml:2: 'seed' stands in line 1"),
        ({"a": "extends: b.yaml", "b": "serving: {prot: 1}"}, r"b.yaml:1: unknown key"),
        (
            {"a": "rollout:\n  steps:\n    - {weight: 2, least_s: 1, least_users: 1}"},
            r"a.yaml:2: rollout.steps.0.weight",
        ),
    ],
)
def test_what_is_wrong_with_files_is_named(
    tmp_path: Path, texts: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        Settings.load(write(tmp_path, **texts), environ={})


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"NAVIYAM__SERVNG__PORT": "1"}, "NAVIYAM__SERVNG__PORT: unknown key 'servng'.*'serving'"),
        ({"NAVIYAM__PORT": "1"}, "NAVIYAM__PORT.*'serving.port'"),
        ({"NAVIYAM__SERVING__PORT__HTTP": "1"}, "'serving.port' is a value"),
        ({"NAVIYAM__SERVING____PORT": "1"}, "NAVIYAM__SECTION__KEY|write NAVIYAM__"),
        ({"NAVIYAM__SERVING__HOST": "[1"}, "is not YAML"),
        ({"NAVIYAM__SERVING__PORT": "x"}, "NAVIYAM__SERVING__PORT: serving.port"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, variables: dict[str, str], told: str) -> None:
    path = write(tmp_path, a="serving: {port: 9000}")
    with pytest.raises(ConfigError, match=told):
        Settings.load(path, environ=variables)


def test_a_variable_with_a_mapping_changes_only_what_it_names(tmp_path: Path) -> None:
    path = write(tmp_path, a="serving: {port: 9000, host: 0.0.0.0}")
    serving = Settings.load(path, environ={"NAVIYAM__SERVING": "{port: 9001}"}).serving
    assert (serving.port, serving.host) == (9001, "0.0.0.0")


def test_all_wrong_keys_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, a="prot: 1\nserving: {prot: 1, port: -1}\nwriting: {top_p: 3}")
    with pytest.raises(ConfigError) as caught:
        Settings.load(path, environ={})
    for place in ("a.yaml:1: unknown", "a.yaml:2: unknown", "serving.port", "a.yaml:3: writing"):
        assert place in str(caught.value)


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [
        ("serving.prot", "serving.port"),
        ("port", "serving.port"),
        ("serving.max_num_seqs", "llm.max_num_seqs"),
        ("servng", "serving"),
        ("gate", "jobs.gate"),
        ("rollout.stepz", "rollout.steps"),
        ("xqzw", None),
    ],
)
def test_the_key_that_was_meant(unknown: str, meant: str | None) -> None:
    assert suggestion(Settings, unknown.split(".")) == meant
