"""The figures of generated answers: what is wrong is counted, what is right is not, files survive a crash."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from naviyam.catalog.types import MealCard, Menu, Shop
from naviyam.errors import ArtifactError
from naviyam.evaluation.judged import judge
from naviyam.evaluation.korean import distinct, impolite, particle_errors, self_bleu
from naviyam.evaluation.writing import figures, length_histogram
from naviyam.evaluation.written import (
    AnswerFile,
    Header,
    WrittenAnswer,
    append_answers,
    read_answers,
    writing_code,
)

HEADER = Header(writer="llm", base="b", adapter="nlg@1", catalog="c1", code="x", seed=7)
NAMES = ("맛있는치킨", "참새통닭")


class FakeCatalog:
    """Two shops."""

    version = "c1"
    names = (*NAMES, "옆동네김밥")
    row_of = {"s0": 0, "s1": 1}  # noqa: RUF012

    def shop(self, row: int) -> Shop:
        return Shop(
            shop_id=f"s{row}", name=NAMES[row], category="치킨", address="강원 춘천시 효자로 12 (효자동)",
            meal_card=MealCard.YES if row == 0 else MealCard.UNKNOWN,
        )  # fmt: skip

    def menus(self, row: int) -> tuple[Menu, ...]:
        return (Menu(menu_id="m", shop_id=f"s{row}", name="반 마리", price_won=8_000 + 500 * row),)


def written(text: str, *, draft: str = "", talk: int = 0, turn: int = 0, by: str = "llm", **metadata: object) -> WrittenAnswer:  # fmt: skip
    shops = [
        {
            "rank": i + 1, "shop_id": f"s{i}", "name": name, "category": "치킨",
            "address": "강원 춘천시 효자로 12 (효자동)", "meal_card": ("yes", "unknown")[i],
            "is_good_influence_shop": False, "walk_minutes": 5 + i, "distance_m": 260,
            "menus": [{"name": "반 마리", "price_won": 8_000 + 500 * i}],
        }
        for i, name in enumerate(NAMES)
    ]  # fmt: skip
    known = {"written_by": by, "degraded_reason": None, "rejected": [], "relaxed": []}
    return WrittenAnswer(
        talk=talk, turn=turn, message="치킨", kind="food", budget_won=None, open_now=False, card=False,
        answer={"response": text, "recommendations": shops, "metadata": {**known, **metadata}},
        draft=draft or text, tokens=40, write_s=1.0, at_once=4,
    )  # fmt: skip


GOOD = "치킨 좋죠! 🍗\n1. 맛있는치킨: 반 마리 8,000원, 걸어서 5분이에요.\n2. 참새통닭: 효자동에 있어요.\n어때요?"


def measured(*answers: WrittenAnswer) -> dict[str, object]:
    return figures(judge(answers, FakeCatalog(), limit_won=9_500))  # type: ignore[arg-type]


def test_a_right_answer_has_no_fault_and_a_wrong_one_is_counted_with_its_kind() -> None:
    wrong = GOOD.replace("8,000원", "7,000원")
    found = measured(written(GOOD), written(wrong, talk=1))
    assert found["wrong_facts"]["count"] == 1  # type: ignore[index]
    assert found["wrong_kinds"] == {"ungrounded price": 1}
    for name in ("particle_errors", "impolite", "stigma_or_alcohol_words"):
        assert found[name]["count"] == 0  # type: ignore[index]


def test_what_the_model_wrote_is_judged_apart_from_what_left() -> None:
    draft = "카드 되는 곳이에요! 맛있는치킨: 반 마리 8,000원이에요."
    found = measured(
        written(GOOD, draft=draft, rejected=["meal_card"]),
        written(GOOD, talk=1, by="template", degraded_reason="llm_late"),
    )
    before = found["before_check"]
    assert found["wrong_facts"]["count"] == 0  # type: ignore[index]
    assert before["wrong_kinds"] == {"card claimed, not known": 1}  # type: ignore[index]
    assert before["reasons"] == {"meal_card": 1}  # type: ignore[index]
    assert found["degraded"]["share"] == 0.5  # type: ignore[index]


def test_fixed_words_are_not_judged_but_shops_shown_before_may_be_compared_with() -> None:
    cheaper = written("더 싸요! 맛있는치킨이에요. 아까보다 500원 싸요.", turn=1)
    fixed = written("고마워요!", turn=2, by="fixed")
    assert measured(written(GOOD), cheaper, fixed)["answers"] == 2


def test_another_shop_of_the_catalogue_may_not_be_named() -> None:
    found = measured(written(GOOD.replace("어때요?", "옆동네김밥 어때요?")))
    assert found["wrong_kinds"] == {"unknown shop named": 1}


def test_the_same_opening_twice_in_a_conversation_is_found() -> None:
    found = measured(written(GOOD), written(GOOD, turn=1), written(GOOD, talk=1))
    assert found["same_opening_twice_running"]["count"] == 1  # type: ignore[index]
    assert found["distinct_openings"] == 1


@pytest.mark.parametrize(
    ("text", "words", "count"),
    [
        ("비에이치씨(bhc)는 8,000원이에요.", ["비에이치씨(bhc)", "8,000원"], 0),
        ("비에이치씨(bhc)은 가까워요.", ["비에이치씨(bhc)"], 1),
        ("롱구28로 가요. 롱구28이 좋아요.", ["롱구28"], 0),
        ("KFC은 가까워요.", ["KFC"], 1),
        ("짜장면 좋아요.", ["짜장"], 0),
        ("김밥를 먹어요.", [], 1),
    ],
)
def test_particles_are_heard_as_they_are_spoken(text: str, words: list[str], count: int) -> None:
    assert len(particle_errors(text, words)) == count


def test_a_noun_or_a_stiff_end_is_no_polite_sentence() -> None:
    assert impolite("모두 카드 되는 곳! 좋죠!", ()) == ["모두 카드 되는 곳"]
    assert impolite("약 4.2km 거리예요. 갈래요?", ()) == []


def test_variety_is_one_for_different_texts_and_bleu_one_for_the_same() -> None:
    same = ["가 나 다 라"] * 3
    assert self_bleu(same) == pytest.approx(1.0)
    assert self_bleu(["가 나 다 라", "마 바 사 아"]) < 0.5
    assert distinct(["가 나", "다 라"], 1) == 1.0
    assert distinct(same, 2) == pytest.approx(1 / 3)


def test_lengths_are_shares_in_bins() -> None:
    judged = judge([written(GOOD)], FakeCatalog(), limit_won=9_500)  # type: ignore[arg-type]
    assert length_histogram(judged, width=1_000) == {0: 1.0}


def test_a_file_is_continued_and_a_line_cut_by_a_crash_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "answers.jsonl"
    append_answers(path, HEADER, (written(GOOD, talk=3),))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"talk": 4, "tu')
    append_answers(path, HEADER, (written(GOOD, talk=1),))
    held = read_answers(path)
    assert held is not None
    assert held.header == HEADER
    assert [a.talk for a in held.answers] == [1, 3]
    assert read_answers(tmp_path / "none.jsonl") is None


def test_answers_of_another_adapter_do_not_fit_and_a_file_of_something_else_is_refused(
    tmp_path: Path,
) -> None:
    assert HEADER.fits(replace(HEADER, code="y"))
    assert not HEADER.fits(replace(HEADER, adapter="nlg@2"))
    path = tmp_path / "x.jsonl"
    path.write_text("[]\n")
    with pytest.raises(ArtifactError, match="header"):
        read_answers(path)


def test_the_section_measures_what_is_on_file_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cluster.cli.evaluations import writing  # noqa: PLC0415
    from cluster.cli.evaluations.scale import Scale  # noqa: PLC0415
    from cluster.registry.champion import adapter_version  # noqa: PLC0415
    from naviyam.settings import Settings  # noqa: PLC0415

    settings = Settings.parse({"paths": {"state": str(tmp_path), "adapters": str(tmp_path)}})
    header = replace(HEADER, base=settings.llm.base, adapter=adapter_version(settings))
    path = tmp_path / "evaluation" / "answers-llm.jsonl"
    append_answers(path, header, (written(GOOD, rejected=["fluency"]),))
    asked: list[str] = []

    def write(session: object, path: Path, writer: str, **more: object) -> None:
        asked.append(writer)
        append_answers(path, replace(header, writer=writer), (written(GOOD, by="template"),))

    monkeypatch.setattr(writing, "_write", write)
    monkeypatch.setattr("naviyam.versions.current", lambda root: root)
    monkeypatch.setattr("naviyam.catalog.store.Catalog.load", lambda folder: FakeCatalog())
    session = SimpleNamespace(settings=settings, say=lambda text: None)
    section = writing.run(session, Scale())  # type: ignore[arg-type]
    assert asked == ["template"]
    assert section.figures["llm"]["answers"] == 1
    assert section.figures["verdict"]["no_wrong_fact"] is True
    assert any(note.startswith("base: not measured") for note in section.notes)
    assert any("code" in note for note in section.notes)
    assert {p.title for p in section.plots} == {"Length of answers", "Sentences held back"}
    assert section.to_dict()["tables"]


@pytest.mark.parametrize(
    ("held", "full", "step"),
    [
        (HEADER, False, "keep"),
        (HEADER, True, "continue"),
        (replace(HEADER, code="old"), False, "keep"),
        (replace(HEADER, code="old"), True, "begin"),
        (replace(HEADER, seed=8), True, "begin"),
        (replace(HEADER, catalog="c0"), False, "begin"),
        (None, False, "begin"),
    ],
)
def test_only_a_file_that_the_writer_would_begin_alike_is_continued(
    held: Header | None, full: bool, step: str
) -> None:
    from cluster.cli.evaluations.scale import Scale  # noqa: PLC0415
    from cluster.cli.evaluations.writing import next_step  # noqa: PLC0415

    on_file = held and AnswerFile(header=held, answers=(written(GOOD),))
    found, why = next_step(on_file, HEADER, Scale(full=full), 2)
    assert found == step
    assert bool(why) is (held not in (None, HEADER))
    if held == replace(HEADER, code="old"):
        assert "old" in why
        assert next_step(on_file, HEADER, Scale(full=full), 1)[0] == "keep"  # enough


def test_more_answers_of_other_code_begin_a_new_file_and_the_old_one_is_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cluster.cli import program  # noqa: PLC0415
    from cluster.cli.evaluations import writing  # noqa: PLC0415
    from cluster.cli.evaluations.scale import Scale  # noqa: PLC0415
    from naviyam.settings import Settings  # noqa: PLC0415

    values = {"paths": {"state": str(tmp_path)}, "writing_evaluation": {"full_answers": 2}}
    settings = Settings.parse(values)
    header = replace(HEADER, writer="template", base="none", adapter="none", code=writing_code())
    path = tmp_path / "evaluation" / "answers-template.jsonl"
    append_answers(path, replace(header, code="old"), (written(GOOD),))
    fails = True

    def run_program(session: object, module: str, arguments: list[str]) -> dict[str, object]:
        if fails:
            raise program.ProgramError("no room", code=1)
        append_answers(path, header, (written(GOOD, talk=1), written(GOOD, talk=2)))
        return {}

    monkeypatch.setattr(program, "run_program", run_program)
    session = SimpleNamespace(settings=settings, say=lambda text: None)
    notes: list[str] = []
    ask = (session, Scale(full=True), "template", FakeCatalog(), notes)
    held = writing._answers(*ask)  # type: ignore[arg-type]
    assert held is not None
    assert held.header.code == "old"
    assert read_answers(path) == held
    assert "no room" in " ".join(notes)
    fails = False
    held = writing._answers(*ask)  # type: ignore[arg-type]
    assert held is not None
    assert (held.header, len(held.answers)) == (header, 2)
    assert read_answers(path.with_suffix(".old.jsonl")) is not None
    assert "old" in notes[-2]
