"""The machine of alerts, its store, and what is told to whom."""

import itertools
import json
import logging
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.monitoring.alerts import (
    BY_NAME,
    RULES,
    TRANSITIONS,
    AlertEvent,
    Level,
    Reading,
    Watch,
    judge_errors,
    step,
    that_roll_back,
)
from cluster.monitoring.sinks import LogSink, MemorySink, SinkError, WebhookSink, deliver
from cluster.monitoring.store import MemoryAlertStore, unread
from naviyam.errors import NotFoundError

NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
OK, WARN, ALARM = Level.OK, Level.WARN, Level.ALARM


def look(watch, level, at=NOW, raise_after=2, clear_after=3, statement="6 %"):
    reading = Reading(rule=watch.rule, level=level, value=0.06, statement=statement)
    return step(
        watch, reading, at, raise_after=raise_after, clear_after=clear_after, alert_id="al_1"
    )


def told(levels, rule="error_rate"):
    """Return what a row of looks tells, `.` where it tells nothing."""
    watch, story = Watch(rule=rule, population="real"), []
    for level in levels:
        watch, event = look(watch, level)
        story.append("." if event is None else f"{event.kind}:{event.level.name}")
    return story


def test_the_table_of_transitions_is_total():
    stages = ("quiet", "pending", "raised", "clearing")
    assert set(TRANSITIONS) == set(itertools.product(stages, ("bad", "fine")))


@pytest.mark.parametrize(
    ("levels", "story"),
    [
        ([ALARM, ALARM, ALARM], [".", "raised:ALARM", "."]),
        ([ALARM, OK, ALARM, OK], [".", ".", ".", "."]),
        ([ALARM, None, ALARM], [".", ".", "raised:ALARM"]),
        ([WARN, ALARM, ALARM, WARN], [".", "raised:WARN", "escalated:ALARM", "."]),
        ([WARN, WARN, OK, OK, OK], [".", "raised:WARN", ".", ".", "cleared:WARN"]),
        (
            [WARN, WARN, OK, OK, WARN, OK, OK, OK],
            [".", "raised:WARN", ".", ".", ".", ".", ".", "cleared:WARN"],
        ),
        ([ALARM, ALARM, None, None, None, None], [".", "raised:ALARM", ".", ".", ".", "."]),
        ([None] * 9, ["."] * 9),
    ],
)
def test_hysteresis(levels, story):
    assert told(levels) == story


@given(st.lists(st.sampled_from([OK, WARN, ALARM, None]), max_size=60))
def test_raised_and_cleared_alternate_and_never_too_soon(levels):
    kinds = [s.partition(":")[0] for s in told(levels)]
    changes = [k for k in kinds if k in ("raised", "cleared")]
    assert changes == [("raised", "cleared")[i % 2] for i in range(len(changes))]
    judged = [(level, kind) for level, kind in zip(levels, kinds, strict=True) if level is not None]
    for i, (_, kind) in enumerate(judged):
        if kind == "raised":
            assert all(level > OK for level, _ in judged[i - 1 : i + 1])
        if kind == "cleared":
            assert all(level is OK for level, _ in judged[i - 2 : i + 1])


def test_a_rule_is_looked_at_once_in_each_of_its_spans():
    watch = Watch(rule="click_through", population="real", looked_at=NOW + timedelta(minutes=5))
    assert [watch.due(NOW + timedelta(minutes=m)) for m in (6, 59, 60, 61)] == [
        False,
        False,
        True,
        True,
    ]
    assert Watch(rule="click_through", population="real").due(NOW)
    assert Watch(rule="error_rate", population="real", looked_at=NOW).due(NOW)


@pytest.mark.parametrize(
    ("requests", "failed", "level"),
    [(0, 0, None), (49, 49, None), (100, 5, OK), (100, 6, ALARM), (50, 3, ALARM)],
)
def test_errors_above_5_percent_alarm_from_enough_requests_on(requests, failed, level):
    assert judge_errors(requests, failed, most=0.05, least=50).level is level


def test_only_an_alarm_of_the_error_rate_rolls_back():
    def event(rule, kind, level):
        return AlertEvent(
            kind=kind,
            alert_id="a",
            rule=rule,
            population="real",
            level=level,
            at=NOW,
            value=None,
            statement="",
        )

    bad = event("error_rate", "raised", ALARM)
    rest = [event("error_rate", "cleared", ALARM), event("click_through", "raised", ALARM)]
    assert that_roll_back([*rest, bad]) == (bad,)


def test_every_rule_says_what_it_means_in_both_languages():
    assert len(BY_NAME) == len(RULES)
    for rule in RULES:
        assert rule.meaning.endswith(".")
        assert rule.first_look
        assert any("가" <= c <= "힣" for c in rule.korean)


def raise_one(store, rule="error_rate", at=NOW, alert_id="al_1"):
    watch = store.watch(rule, "real")
    for minute in range(2):
        reading = Reading(rule=rule, level=ALARM, value=0.1, statement="10 %")
        when = at + timedelta(minutes=minute)
        watch, event = step(watch, reading, when, raise_after=2, clear_after=3, alert_id=alert_id)
        kept = store.keep(watch, event)
    return watch, kept


def test_a_store_keeps_watches_alerts_and_events_in_order(alert_store):
    watch, first = raise_one(alert_store)
    assert alert_store.watch("error_rate", "real") == watch
    assert alert_store.watch("error_rate", "simulated") == Watch(
        rule="error_rate", population="simulated"
    )
    _, second = raise_one(alert_store, "satisfaction", NOW + timedelta(hours=1), "al_2")
    assert (first.number, second.number) == (1, 2)
    assert alert_store.events(0) == (first, second)
    assert alert_store.events(1) == (second,)
    assert [a.alert_id for a in alert_store.alerts()] == ["al_2", "al_1"]
    assert alert_store.alerts()[1].raised_at == NOW + timedelta(minutes=1)
    for _ in range(3):
        watch, event = look(watch, OK, NOW + timedelta(hours=2), statement="1 %")
        alert_store.keep(watch, event)
    assert [a.alert_id for a in alert_store.alerts(open_only=True)] == ["al_2"]
    cleared = alert_store.alerts()[1]
    assert (cleared.cleared_at, cleared.statement) == (NOW + timedelta(hours=2), "1 %")


def test_an_alert_is_acknowledged_once(alert_store):
    raise_one(alert_store)
    seen = alert_store.acknowledge("al_1", by="kim", at=NOW)
    assert alert_store.acknowledge("al_1", by="lee", at=NOW + timedelta(hours=1)) == seen
    assert (seen.acknowledged_by, seen.acknowledged_at) == ("kim", NOW)
    with pytest.raises(NotFoundError, match="al_9"):
        alert_store.acknowledge("al_9", by="kim", at=NOW)


def test_a_reader_goes_on_where_it_was_and_never_back(alert_store):
    raise_one(alert_store)
    assert [e.number for e in unread(alert_store, "rollout")] == [1]
    alert_store.advance("rollout", 1)
    alert_store.advance("rollout", 0)
    assert alert_store.cursor("rollout") == 1
    assert unread(alert_store, "rollout") == ()
    assert [e.number for e in unread(alert_store, "log")] == [1]


def test_a_sink_that_is_down_is_told_later_and_in_order_and_keeps_none_from_the_others(alert_store):
    down, up = MemorySink([], name="webhook", down=True), MemorySink([], name="log")
    raise_one(alert_store)
    assert deliver(alert_store, [down, up]) == 1
    raise_one(alert_store, "satisfaction", NOW, "al_2")
    deliver(alert_store, [down, up])
    assert ([e.number for e in down.events], [e.number for e in up.events]) == ([], [1, 2])
    down.down = False
    deliver(alert_store, [down, up])
    deliver(alert_store, [down, up])
    assert [e.number for e in down.events] == [e.number for e in up.events] == [1, 2]


def test_a_webhook_posts_what_it_means_and_a_refusal_is_an_error():
    sent = []

    def receive(request):
        sent.append(json.loads(request.content))
        return httpx.Response(500 if len(sent) == 2 else 204)

    store = MemoryAlertStore()
    _, event = raise_one(store)
    sink = WebhookSink("http://hook.test/alerts", transport=httpx.MockTransport(receive))
    sink.send(event)
    assert sent[0]["rule"] == "error_rate"
    assert sent[0]["level"] == "alarm"
    assert sent[0]["korean"] == BY_NAME["error_rate"].korean
    assert not {"user_id", "session_id", "text"} & set(sent[0])
    with pytest.raises(SinkError, match="HTTPStatusError"):
        sink.send(event)
    for broken in (httpx.ConnectTimeout("slow"), httpx.ConnectError("nobody")):

        def fail(request, broken=broken):
            raise broken

        with pytest.raises(SinkError, match=type(broken).__name__):
            WebhookSink("http://hook.test", transport=httpx.MockTransport(fail)).send(event)
    with pytest.raises(SinkError):
        WebhookSink("no url at all").send(event)


def test_the_log_says_it_in_korean_first(caplog):
    store = MemoryAlertStore()
    _, event = raise_one(store)
    with caplog.at_level(logging.INFO):
        LogSink().send(event)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert BY_NAME["error_rate"].korean in record.getMessage()
