"""What every training writes: which code made it."""

from pathlib import Path

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
