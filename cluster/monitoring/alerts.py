"""Alerts: the rules as data, and the machine that decides when one is raised and cleared. No I/O, no clock.

A look at a rule is bad (WARN or ALARM), fine (OK) or says nothing (too little was seen). `raise_after` bad looks in a row
raise an alert, `clear_after` fine ones in a row clear it; a look that says nothing moves nothing, so an empty night
neither raises nor clears. An alert raised as WARN escalates when `raise_after` looks in a row are ALARM, and stays that
until it clears.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal

from cluster.monitoring.source import Population


class Level(IntEnum):
    """How bad a look is."""

    OK = 0
    WARN = 1
    ALARM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is looked at, how often, and what it means for whoever is told. What is bad stands in `settings.monitoring`."""

    name: str
    measure: str
    threshold: str
    """The setting that holds it."""

    every_s: float
    """How often it is looked at, 0 at every tick; looks with the same data would say nothing new."""

    meaning: str
    first_look: str
    korean: str
    rolls_back: bool = False
    """Whether an ALARM also ends the experiments that run (`cluster.rollout` reads it)."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)


HOUR_S = 3_600.0
RULES: tuple[Rule, ...] = (
    Rule(
        name="error_rate",
        measure="requests that got no answer, out of those fit to be answered",
        threshold="monitoring.max_error_rate",
        every_s=0.0,
        meaning="Children get no answer: timeouts, a part that is down, or a fault in what was just released.",
        first_look='naviyam status; naviyam events query "SELECT error, count(*) FROM interactions GROUP BY 1"; '
        "an experiment that runs is rolled back by itself",
        korean="답을 받지 못한 요청이 너무 많아요. 진행 중인 실험은 자동으로 되돌려요. 서비스 상태부터 확인하세요.",
        rolls_back=True,
    ),
    Rule(
        name="click_through",
        measure="clicked shops out of shown ones, week against the week before",
        threshold="monitoring.weekly_drop",
        every_s=HOUR_S,
        meaning="Children choose less of what they are shown: the ranker, the catalogue or who asks has changed.",
        first_look="naviyam monitor daily --days 14; naviyam monitor drift; naviyam models list for what was promoted",
        korean="추천을 누르는 비율이 지난주보다 떨어졌어요. 최근 배포한 모델과 가게 자료를 확인하세요.",
    ),
    Rule(
        name="satisfaction",
        measure="mean stars given, week against the week before",
        threshold="monitoring.weekly_drop",
        every_s=HOUR_S,
        meaning="Children like the answers or the shops less than a week ago.",
        first_look="naviyam monitor daily --days 14; the reviews with 1 and 2 stars; the adapter that serves",
        korean="만족도가 지난주보다 떨어졌어요. 낮은 별점의 후기와 최근 바뀐 모델을 확인하세요.",
    ),
    Rule(
        name="input_drift",
        measure="PSI of intents, wishes, layers, message length and hour, week against the week before",
        threshold="monitoring.psi_warn, monitoring.psi_alarm",
        every_s=6 * HOUR_S,
        meaning="Children ask for other things, in other ways or at other times; models were trained on what was.",
        first_look="naviyam monitor drift; holidays and school terms; whether one caller floods the service",
        korean="아이들이 묻는 내용이 지난주와 많이 달라졌어요. 방학이나 행사, 비정상 접속이 있는지 확인하세요.",
    ),
    Rule(
        name="feature_drift",
        measure="PSI of the ranker's features as served, week against the week before",
        threshold="monitoring.psi_warn, monitoring.psi_alarm",
        every_s=6 * HOUR_S,
        meaning="The ranker is fed other numbers than a week ago: new data, or a fault in what makes them.",
        first_look="naviyam monitor drift; the last catalogue and index; python -m training.datasets for the audit of skew",
        korean="추천 모델에 들어가는 값이 지난주와 달라졌어요. 최근 가게 자료 갱신과 색인을 확인하세요.",
    ),
    Rule(
        name="log_unreadable",
        measure="looks at the event log that failed",
        threshold="monitoring.raise_after",
        every_s=0.0,
        meaning="Nothing is watched: the event log cannot be read, so no other alert can come.",
        first_look='naviyam events query "SELECT 1"; the disk and the rights of the state folder',
        korean="기록을 읽을 수 없어 감시가 멈췄어요. 저장 공간과 폴더 권한을 확인하세요.",
    ),
)
BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look at one rule. `level` None: too little was seen to judge."""

    rule: str
    level: Level | None
    value: float | None
    statement: str


Stage = Literal["quiet", "pending", "raised", "clearing"]
Look = Literal["bad", "fine"]

TRANSITIONS: Mapping[tuple[Stage, Look], tuple[Stage, Stage]] = {
    ("quiet", "fine"): ("quiet", "quiet"),
    ("quiet", "bad"): ("pending", "raised"),
    ("pending", "fine"): ("quiet", "quiet"),
    ("pending", "bad"): ("pending", "raised"),
    ("raised", "bad"): ("raised", "raised"),
    ("raised", "fine"): ("clearing", "quiet"),
    ("clearing", "bad"): ("raised", "raised"),
    ("clearing", "fine"): ("clearing", "quiet"),
}
"""From a stage by a look: to the first while looks in a row are too few, to the second once they are enough."""

Kind = Literal["raised", "escalated", "cleared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is remembered of one rule for one population. `row` counts looks in a row of one kind, `severe` ALARM ones."""

    rule: str
    population: Population
    stage: Stage = "quiet"
    row: int = 0
    severe: int = 0
    level: Level = Level.OK
    """Of the alert that is raised, OK where none is."""

    alert_id: str | None = None
    looked_at: datetime | None = None

    def due(self, now: datetime) -> bool:
        """Return whether the rule is to be looked at: once in each span of its `every_s`."""
        every_s = BY_NAME[self.rule].every_s
        if self.looked_at is None or not every_s:
            return True
        return now.timestamp() // every_s > self.looked_at.timestamp() // every_s


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """A change that somebody is told: an alert was raised, got worse or cleared. It names no user and quotes nobody."""

    kind: Kind
    alert_id: str
    rule: str
    population: Population
    level: Level
    at: datetime
    value: float | None
    statement: str
    number: int = 0
    """Its place in the store's order, from 1; 0 before it is stored."""

    @property
    def rolls_back(self) -> bool:
        """Whether running experiments must end for it."""
        return (
            self.kind != "cleared" and self.level is Level.ALARM and BY_NAME[self.rule].rolls_back
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what a webhook is sent."""
        rule = BY_NAME[self.rule]
        return {
            "number": self.number,
            "event": self.kind,
            "alert_id": self.alert_id,
            "rule": self.rule,
            "population": self.population,
            "level": self.level.name.lower(),
            "at": self.at.isoformat(),
            "value": self.value,
            "statement": self.statement,
            "threshold": rule.threshold,
            "meaning": rule.meaning,
            "first_look": rule.first_look,
            "korean": rule.korean,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert from its raising on; `statement` and `value` are those of its last event."""

    alert_id: str
    rule: str
    population: Population
    level: Level
    value: float | None
    statement: str
    raised_at: datetime
    cleared_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON, with what the rule means."""
        rule = BY_NAME[self.rule]

        def told(when: datetime | None) -> str | None:
            return None if when is None else when.isoformat()

        return {
            "alert_id": self.alert_id,
            "rule": self.rule,
            "population": self.population,
            "level": self.level.name.lower(),
            "value": self.value,
            "statement": self.statement,
            "raised_at": told(self.raised_at),
            "cleared_at": told(self.cleared_at),
            "acknowledged_at": told(self.acknowledged_at),
            "acknowledged_by": self.acknowledged_by,
            "meaning": rule.meaning,
            "first_look": rule.first_look,
            "korean": rule.korean,
        }


def step(
    watch: Watch,
    reading: Reading,
    now: datetime,
    *,
    raise_after: int,
    clear_after: int,
    alert_id: str,
) -> tuple[Watch, AlertEvent | None]:
    """Return the watch after a look, and what is to be told; `alert_id` names the alert if one is raised now."""
    watch = replace(watch, looked_at=now)
    if reading.level is None:
        return watch, None
    bad = reading.level > Level.OK
    same = bad == (watch.stage in ("pending", "raised"))
    row = watch.row + 1 if same else 1
    severe = watch.severe + 1 if reading.level is Level.ALARM else 0
    enough = row >= (raise_after if bad else clear_after)
    stage = TRANSITIONS[watch.stage, "bad" if bad else "fine"][enough]
    after = replace(watch, stage=stage, row=row, severe=severe)
    was, held = watch.alert_id is not None, stage in ("raised", "clearing")
    level = Level.ALARM if severe >= raise_after else max(watch.level, Level.WARN)
    if held and not was:
        after = replace(after, level=level, alert_id=alert_id)
        return after, _event("raised", after, reading, now)
    if held and level > watch.level:
        after = replace(after, level=level)
        return after, _event("escalated", after, reading, now)
    if was and not held:
        return replace(after, level=Level.OK, alert_id=None), _event("cleared", after, reading, now)
    return after, None


def judge_errors(requests: int, failed: int, *, most: float, least: int) -> Reading:
    """Return the reading of requests that got no answer: ALARM above `most` of them, from `least` requests on."""
    if requests < least:
        words = f"not judged: {requests:,} requests, {least:,} are needed"
        return Reading(rule="error_rate", level=None, value=None, statement=words)
    rate = failed / requests
    return Reading(
        rule="error_rate",
        level=Level.ALARM if rate > most else Level.OK,
        value=rate,
        statement=f"{failed:,} of {requests:,} requests ({rate:.1%}) got no answer; {most:.0%} are allowed",
    )


def that_roll_back(events: Iterable[AlertEvent]) -> tuple[AlertEvent, ...]:
    """Return the events for which running experiments must end."""
    return tuple(event for event in events if event.rolls_back)


def _event(kind: Kind, watch: Watch, reading: Reading, now: datetime) -> AlertEvent:
    assert watch.alert_id is not None
    return AlertEvent(
        kind=kind,
        alert_id=watch.alert_id,
        rule=watch.rule,
        population=watch.population,
        level=watch.level,
        at=now,
        value=reading.value,
        statement=reading.statement,
    )
