"""What every training writes: which code made it, and a pair of files that is whole or refused."""

import json
from pathlib import Path

import pytest

from training.artifact import write_model
from training.code_version import code_version


def test_the_code_version_is_of_the_sources_named_and_of_no_other(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.py").write_text(name)
    before = code_version("a", root=tmp_path)
    (tmp_path / "b" / "x.py").write_text("other")
    assert code_version("a", root=tmp_path) == before
    (tmp_path / "a" / "x.py").write_text("other")
    assert code_version("a", root=tmp_path) != before


def test_a_model_is_replaced_weights_first_and_its_card_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path, ("w", b"old"), ("c", {"of": "old"}))
    replaced: list[str] = []
    replace = Path.replace

    def killed_after_the_first(self: Path, target: Path) -> Path:
        if replaced:
            raise KeyboardInterrupt
        replaced.append(target.name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        write_model(tmp_path, ("w", b"new"), ("c", {"of": "new"}))
    assert replaced == ["w"]
    assert json.loads((tmp_path / "c").read_text()) == {"of": "old"}
    monkeypatch.undo()
    write_model(tmp_path, ("w", b"new"), ("c", {"of": "new"}))
    assert json.loads((tmp_path / "c").read_text()) == {"of": "new"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c", "w"]
