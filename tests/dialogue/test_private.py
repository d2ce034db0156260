"""Nothing that identifies a child is written: a whole turn is run and everything on disk is searched."""

import asyncio
import logging
from dataclasses import replace
from types import SimpleNamespace

from naviyam.clock import FakeClock
from naviyam.dialogue.codec import dump_turns
from naviyam.dialogue.masked import masked
from naviyam.dialogue.pipeline import Pipeline
from naviyam.dialogue.sqlite_state import SqliteMemory
from naviyam.dialogue.turn import Ask, Turn
from naviyam.feedback.sink import DurableSink
from naviyam.feedback.store import EventStore
from naviyam.request import Entity, Filters, Intent, RequestContext, Understanding
from naviyam.settings import Settings
from naviyam.text.emotion import emotion

SECRETS = (
    "010-1234-5678",
    "공일공 일이삼사 오육칠팔",
    "120304-3123456",
    "9445 1234 8876 5521",
    "kid@example.com",
    "23-117번지",
    "1204호",
)
MESSAGE = (
    "치킨 먹고 싶어 내 번호 010-1234-5678 아니면 공일공 일이삼사 오육칠팔 주민번호 120304-3123456 카드 9445 1234 8876 5521 "
    "메일 kid@example.com 집은 창신동 23-117번지 햇살아파트 103동 1204호"
)  # fmt: skip


async def run_turn(pipeline: Pipeline, clock: FakeClock) -> None:
    turn = Turn(
        interaction_id="i1",
        user_id="u1",
        session_id="s",
        message=MESSAGE,
        context=RequestContext(time=clock.now(), district="춘천시"),
        received_s=clock.monotonic_s(),
    )
    async for _ in pipeline.run(turn):
        pass


def test_a_turn_full_of_personal_data_leaves_none_on_disk(bench, tmp_path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    clock: FakeClock = bench.clock
    memory = SqliteMemory(tmp_path / "memory.db", clock, ttl_s=60, max_sessions=9)
    sink = DurableSink(EventStore(tmp_path / "events"), clock=clock, settings=Settings())
    ports = replace(bench.pipeline._ports, memory=memory, events=sink)
    pipeline = Pipeline(
        ports,
        bench.pipeline._answers.world,
        settings=bench.pipeline._answers._settings,
        clock=clock,
        versions={},
    )
    words = tuple(MESSAGE.split())
    bench.stages.understandings[MESSAGE] = Understanding(
        intent=Intent.FOOD_RECOMMENDATION,
        confidence=0.9,
        keywords=words,
        semantic_query=MESSAGE,
        entities=(Entity(entity="location", value="23-117번지", start=87, end=94),),
    )
    asyncio.run(run_turn(pipeline, clock))
    sink.close()
    memory.close()
    written = "".join(
        path.read_bytes().decode("utf-8", "replace")
        for path in tmp_path.rglob("*")
        if path.is_file()
    )
    assert "치킨" in written
    for secret in (*SECRETS, "5678", "example.com"):
        assert secret not in written
        assert secret not in caplog.text


def test_understandings_are_masked_by_what_the_message_loses() -> None:
    said = "관악로 12 근처 치킨"
    found = Understanding(
        intent=Intent.FOOD_RECOMMENDATION,
        confidence=1.0,
        filters=Filters(location="관악로 12", category="치킨"),
        keywords=("관악로", "12", "치킨"),
        semantic_query=said,
    )
    kept = masked(found, said)
    assert "12" not in kept.semantic_query
    assert kept.keywords == ("관악로", "치킨")
    assert (kept.filters.location, kept.filters.category) == (None, "치킨")
    assert masked(found, "치킨") is found


def test_help_over_two_messages_is_remembered_without_words(bench) -> None:
    bench.ask("이틀째 아무것도 못 먹었어")
    done = bench.ask("돈 없어", number=2)
    assert done.metadata["intent"] == "HELP_NEEDED"
    assert "long_fast" in bench.turns().need_signs
    assert "먹었" not in str(bench.turns().need_signs)


def test_alcohol_is_refused_kindly_without_a_search(bench) -> None:
    done = bench.ask("맥주 파는 데 알려줘")
    assert done.recommendations == ()
    assert "맥주" not in done.response
    assert bench.stages.asked == []


def written_of(bench: SimpleNamespace) -> str:
    """What a turn left behind: the logs and the memory."""
    return str(bench.sink.interactions) + str(bench.sink.operators) + dump_turns(bench.turns())


def test_a_call_for_help_that_swears_is_one_and_leaves_no_word(bench) -> None:
    second = "씨발 돈 없어"
    bench.ask("이틀째 아무것도 못 먹었어")
    done = bench.ask(second, number=2)
    assert bench.stages.read == []
    assert done.metadata["intent"] == "HELP_NEEDED"
    assert bench.sink.operators[-1]["help_kind"] == "hunger"
    record = bench.sink.interactions[-1]
    assert record["input"] == ""
    assert record["understanding"]["decided_by"] == "safety"
    assert record["understanding"]["emotion"] == emotion(second).value
    for word in ("씨발", "돈", "이틀", "못 먹"):
        assert word not in written_of(bench)


def test_a_plain_call_for_help_leaves_no_word(bench) -> None:
    assert bench.ask("집에 쌀이 떨어졌어요").metadata["intent"] == "HELP_NEEDED"
    assert bench.stages.read == []
    for word in ("쌀", "집에"):
        assert word not in written_of(bench)


def test_a_call_for_help_that_only_the_classifier_sees_leaves_no_word(bench) -> None:
    said = "효자동 사는데 요즘 많이 힘들고 배도 고프고 그래"
    bench.means(
        said,
        Intent.HELP_NEEDED,
        keywords=("요즘", "배"),
        semantic_query="요즘 배",
        entities=(Entity(entity="location", value="효자동", start=0, end=3),),
        decided_by="classifier",
    )
    assert bench.ask(said).metadata["intent"] == "HELP_NEEDED"
    record = bench.sink.interactions[-1]
    assert record["input"] == ""
    kept = record["understanding"]
    assert (kept["decided_by"], kept["keywords"], kept["entities"]) == ("classifier", [], [])
    for word in ("요즘", "사는데", "배도"):
        assert word not in written_of(bench)


def test_a_call_for_help_to_the_recommendations_leaves_no_word(bench) -> None:
    said = "씨발 며칠째 굶었어"
    ask = Ask(
        interaction_id="i1",
        user_id="u1",
        query=said,
        top_k=3,
        context=RequestContext(time=bench.clock.now(), district="춘천시"),
        received_s=bench.clock.monotonic_s(),
        filters=Filters(location="춘천시 며칠 식당"),
    )
    asyncio.run(bench.pipeline.recommend(ask))
    for word in ("씨발", "며칠", "굶"):
        assert word not in written_of(bench)
