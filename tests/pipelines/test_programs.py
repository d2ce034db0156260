"""Programs of the workloads: what they print becomes their result, whole or not at all."""

import json
import sys

import pytest

from cluster.programs import ProgramError, main, run_module, write_result


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Write a module `made` of these lines, where `python -m` finds it."""
    monkeypatch.chdir(tmp_path)

    def write(*lines):
        (tmp_path / "made.py").write_text("\n".join(lines), encoding="utf-8")
        return tmp_path / "results" / "made.json"

    return write


def test_the_last_object_is_the_result_whatever_is_said_after_it(program, monkeypatch, capsys):
    path = program(
        "import json, sys",
        "print('단계 1', flush=True)",
        "print(json.dumps({'got': sys.argv[1:]}), flush=True)",
        "print('a library says goodbye', file=sys.stderr)",
    )
    monkeypatch.setattr(sys, "argv", ["programs", str(path), "made", "--now", "저녁"])
    assert main() == 0
    assert json.loads(path.read_text(encoding="utf-8")) == {"got": ["--now", "저녁"]}
    assert "단계 1" in capsys.readouterr().out


def test_a_program_that_fails_leaves_no_result_and_says_its_last_words(
    program, monkeypatch, capsys
):
    path = program("print('{\"half\": 1}', flush=True)", "raise SystemExit('no more disk')")
    monkeypatch.setattr(sys, "argv", ["programs", str(path), "made"])
    assert main() == 1
    assert not path.exists()
    assert "made ended with 1" in (said := capsys.readouterr().err)
    assert "no more disk" in said
    with pytest.raises(ProgramError, match="no more disk"):
        run_module("made", [], say=lambda line: None)


def test_a_result_that_cannot_be_written_whole_leaves_the_one_before(tmp_path):
    path = tmp_path / "result.json"
    write_result(path, {"a": 1})
    with pytest.raises(TypeError):
        write_result(path, {"a": 2, "b": object()})
    assert json.loads(path.read_text()) == {"a": 1}
