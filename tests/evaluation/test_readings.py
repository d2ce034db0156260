"""What the language model read, as a file and as a figure."""

from pathlib import Path

import pytest

from naviyam.errors import ArtifactError
from naviyam.evaluation.readings import (
    Header,
    Reading,
    append_reading,
    begin_file,
    consider,
    read_file,
    understood,
    unsure,
    worth,
)
from naviyam.evaluation.understanding import Utterance
from naviyam.nlu.layers import LayeredUnderstander
from naviyam.nlu.rules import RuleUnderstander
from naviyam.request import Filters, Intent
from naviyam.settings import Nlu

HEADER = Header(base="b", adapter="nlu@1", filters=False)
LAYERS = LayeredUnderstander(RuleUnderstander([]), None, ask_below=0.9)
FOOD, SCOPE, THANKS = Intent.FOOD_RECOMMENDATION, Intent.OUT_OF_SCOPE, Intent.THANKS


def row(text: str, intent: Intent) -> Utterance:
    return Utterance(text=text, intent=intent, filters=Filters())


def test_a_file_goes_on_after_a_crash_and_begins_anew_for_another_adapter(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "readings.jsonl"
    assert read_file(path) is None
    begin_file(path, HEADER)
    append_reading(path, "a", Reading(answer="1", seconds=0.5))
    with path.open("a") as torn:
        torn.write('{"key": "b", "ans')
    append_reading(path, "c", Reading(answer="3", seconds=0.5))
    assert list(begin_file(path, HEADER).readings) == ["a", "c"]
    other = Header(base="b", adapter="nlu@2", filters=False)
    assert begin_file(path, other).readings == {}
    assert path.with_suffix(".old.jsonl").exists()
    path.write_text("[]\n")
    with pytest.raises(ArtifactError, match="header"):
        read_file(path)


def test_the_worth_of_asking_counts_what_it_mends_and_what_it_breaks() -> None:
    rows = [row("배에서 천둥 쳐", FOOD), row("이 은혜 잊지 않을게", THANKS), row("줄넘기 백개 했더니 땀나", SCOPE),
            row("치킨 추천해줘", FOOD), row("아빠가 때려요", Intent.HELP_NEEDED)]  # fmt: skip
    messages = consider(LAYERS, rows)
    asked = list(unsure(messages, Nlu()))
    assert [m.row.text for m in asked] == [r.text for r in rows[:3]]
    says = (
        '{"intent":"FOOD_RECOMMENDATION"}',
        '{"intent":"GREETING"}',
        '{"intent":"FOOD_RECOMMENDATION"}',
    )
    readings = {m.key: Reading(answer=a, seconds=0.1) for m, a in zip(asked, (*says,), strict=True)}
    found = worth(LAYERS, messages, readings, Nlu(), below=0.6)
    assert (found.asked, found.right_without, found.right_with, found.refused) == (3, 1, 1, 0)
    layers = [u.decided_by for u in understood(LAYERS, messages, readings, Nlu())]
    assert layers == ["llm", "llm", "llm", "rules", "safety"]
    none = {m.key: Reading(answer="{", seconds=0.1) for m in asked}
    assert worth(LAYERS, messages, none, Nlu(), below=0.6).refused == 3
