"""Rows never move, whatever grows; broken files are refused by name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naviyam.errors import ArtifactError
from naviyam.features.vocabulary import Vocabulary

IDS = st.sets(st.text(min_size=1, max_size=5), max_size=20)


@given(first=IDS, more=IDS)
def test_growing_appends_and_moves_nothing(first: set[str], more: set[str]) -> None:
    before = Vocabulary.of(users=first, shops=(), brands=())
    after = before.grown(users=more, shops=(), brands=())
    known = sorted(first)
    assert before.rows("users", known).tolist() == after.rows("users", known).tolist()
    assert after.size("users") == len(first | more) + 1
    assert after.grown(users=more, shops=(), brands=()) == after


def test_unknown_ids_have_row_zero_and_empty_names_have_none() -> None:
    vocabulary = Vocabulary.of(users=["b", "a", "a", ""], shops=[], brands=[])
    assert vocabulary.users == ("a", "b")
    assert vocabulary.rows("users", ["a", "c", "b", ""]).tolist() == [1, 0, 2, 0]


def test_it_survives_the_disk(tmp_path: Path) -> None:
    vocabulary = Vocabulary.of(users=["가", "나"], shops=["s"], brands=["b"])
    vocabulary.save(tmp_path / "v.json")
    assert Vocabulary.load(tmp_path / "v.json") == vocabulary


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"users": []}',
        '{"users": ["a", "a"], "shops": [], "categories": [], "brands": []}',
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "v.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"v\.json"):
        Vocabulary.load(tmp_path / "v.json")
