from datetime import timedelta

import pytest

from naviyam.errors import InputError
from naviyam.feedback.log import AppendLog
from naviyam.feedback.query import query
from naviyam.feedback.schema import FEEDBACK, INTERACTIONS, TOMBSTONES

HOUR = timedelta(hours=1)


def ask(world, sql, limit=100):
    return list(query(world.store, sql, limit=limit).rows)


def test_parquet_and_open_segments_answer_as_one(world, interaction, feedback):
    world.write(INTERACTIONS, interaction("i1", ago=HOUR))
    world.write(FEEDBACK, feedback("k1"), feedback("k2"))
    world.compact()
    log = AppendLog(world.store.spool / INTERACTIONS, clock=world.clock, window_s=0.0)
    log.append(interaction("i2")).result()
    sql = (
        "SELECT interaction_id, dt, hour, shown[1].wide[2], variants['adapter'], "
        "context->>'district', understanding.filters->>'category' FROM interactions ORDER BY 1"
    )
    rows = ask(world, sql)
    log.close()
    assert rows == [
        ("i1", "2026-11-21", "08", 0.01, "stable", "강남구", "치킨"),
        ("i2", "2026-11-21", "09", 0.01, "stable", "강남구", "치킨"),
    ]
    assert ask(world, "SELECT count(*), sum(order_amount_won) FROM feedback") == [(2, 18_000)]
    assert ask(world, "SELECT count(*) FROM feedback WHERE recorded_at > '2026-11-21'") == [(2,)]


def test_every_record_once_and_nobody_who_was_forgotten(world, feedback):
    world.write(FEEDBACK, feedback("k1"), feedback("k2", "u_gone"))
    folder = world.store.spool / FEEDBACK
    (path,) = folder.glob("*.jsonl")
    (folder / "2-1-0.jsonl").write_bytes(path.read_bytes())
    world.compact()
    world.clock.advance(1)
    gone = {"user_id": "u_gone", "recorded_at": world.clock.now().isoformat()}
    world.write(TOMBSTONES, gone)
    assert ask(world, "SELECT user_id FROM feedback") == [("u_1",)]


def test_an_empty_log_answers(world):
    assert ask(world, "SELECT count(*) FROM interactions") == [(0,)]
    assert ask(world, "SELECT * FROM feedback") == []


def test_answers_are_cut_at_the_limit_and_say_so(world, feedback):
    world.write(FEEDBACK, *(feedback(f"k{n}") for n in range(3)))
    answer = query(world.store, "SELECT 1, 1 FROM feedback", limit=2)
    assert (answer.rows, answer.cut) == (((1, 1), (1, 1)), True)
    assert not query(world.store, "SELECT 1 FROM feedback", limit=3).cut


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELEC 1", "syntax error"),
        ("", "one SELECT"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("DROP VIEW feedback", "read only"),
        ("INSERT INTO feedback SELECT * FROM feedback", "read only"),
        ("COPY (SELECT 1) TO '/tmp/never.csv'", "read only"),
        ("SET enable_external_access = true", "read only"),
        ("ATTACH '/tmp/never.db'", "read only"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled"),
        ("SELECT * FROM '/etc/passwd'", "does not exist"),
        ("SELECT * FROM world", "does not exist"),
        ("SELECT colour FROM feedback", "colour"),
    ],
)
def test_what_is_no_question_is_refused_with_a_reason(world, sql, why):
    with pytest.raises(InputError, match=why):
        ask(world, sql)
