"""What an experiment's analysis means for it: advance, promote, hold, roll back, pause, inconclusive. Pure; nothing is done here.

In this order: a guardrail's breach rolls back at once; a fault of the experiment itself (the split, users in both arms) pauses
it, since no comparison of it may be believed; harm beyond chance rolls back. Superiority beyond chance that is as large as
`release.canary_*` asks promotes from any step whose minimums are met. Else time decides: `rollout.max_days` ends it as
inconclusive, a step whose minimums are met is followed by the next one, and everything else holds and says what is missing.

The step to a weight of 1 leaves nobody to compare with, so it is not taken to gather evidence: an experiment without proof
stays at the step before. Where an operator set it to 1, what was seen before still counts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from cluster.rollout.analysis import Analysis
from cluster.rollout.differences import Difference, Metric
from cluster.rollout.words import NAMES, hours, over, split_of, told
from naviyam.arms import Layer
from naviyam.settings import Release, Rollout

Action = Literal["advance", "promote", "hold", "roll_back", "pause", "inconclusive"]

_DAY_S: Final = 86_400.0
_HARM: Final[tuple[Metric, ...]] = ("ctr", "satisfaction")
_KOREAN: Final[Mapping[str, str]] = {
    "ctr": "클릭률",
    "satisfaction": "만족도",
    "errors": "오류율",
    "unsafe": "안전 차단율",
    "slow answers": "느린 응답 비율",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Where an experiment stands: what the analysis cannot know."""

    layer: Layer
    offline_gain: float | None
    """Relative to the champion, 0.02 is 2 %; None where it was not measured."""

    step: int
    """Index into `rollout.steps`."""

    in_step_s: float
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do and why. `note` says it to a Korean operator in a line."""

    action: Action
    reasons: tuple[str, ...]
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"action": self.action, "reasons": list(self.reasons), "note": self.note}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    """What a layer's candidate must gain."""

    metric: Metric
    gain: float
    offline_gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Missing:
    """What stands between an experiment and its next step or its promotion, in words."""

    minimums: tuple[str, ...]
    against: tuple[str, ...]
    proof: tuple[str, ...]


def judge(analysis: Analysis, course: Course, *, rollout: Rollout, release: Release) -> Verdict:
    """Return what to do with an experiment.

    Args:
        analysis: of all its answers so far.
        course: where it stands.
        rollout: steps, minimums, limits.
        release: what a gain must be.
    """
    urgent = _breach(analysis) or _fault(analysis) or _harm(analysis)
    if urgent is not None:
        return urgent
    bar = _bar(course.layer, release)
    missing = _Missing(
        minimums=tuple(_minimums(analysis, course, rollout)),
        against=tuple(_against(analysis)),
        proof=tuple(_proof(analysis, course, bar)),
    )
    return (
        _promotion(analysis, course, bar, missing)
        or _end(course, rollout, missing)
        or _next_step(analysis, course, rollout, missing)
        or Verdict(
            action="hold",
            reasons=(
                *missing.minimums,
                *missing.against,
                *(() if missing.minimums else _at_last(course, rollout)),
                *missing.proof,
            ),
            note=_holding(analysis, course, rollout, bar),
        )
    )


def _bar(layer: Layer, release: Release) -> _Bar:
    if layer == "adapter":
        metric: Metric = "satisfaction"
        gain = release.canary_satisfaction_gain
    else:
        metric, gain = "ctr", release.canary_click_gain
    return _Bar(metric=metric, gain=gain, offline_gain=release.canary_offline_gain)


def _gain(found: Difference) -> float:
    return found.relative.estimate if found.relative else 0.0


def _breach(analysis: Analysis) -> Verdict | None:
    breached = [guard for guard in analysis.guardrails if guard.breached]
    if not breached:
        return None
    return Verdict(
        action="roll_back",
        reasons=tuple(over(guard) for guard in breached),
        note="되돌림: "
        + ", ".join(f"{_KOREAN[g.name]} {g.share:.1%}(한도 {g.limit:.1%})" for g in breached)
        + ".",
    )


def _fault(analysis: Analysis) -> Verdict | None:
    reasons: list[str] = []
    notes: list[str] = []
    split, both = analysis.sample_ratio, analysis.both_arms
    if split.breached:
        reasons.append(split_of(split))
        notes.append(
            f"이용자 배분이 비율과 다릅니다({split.candidate:,}명, 예상 {split.expected:,.0f}명)"
        )
    if both.breached:
        reasons.append(
            f"{both.events:,} of {both.units:,} users were in both arms ({both.share:.1%}), limit {both.limit:.1%}"
        )
        notes.append(f"두 쪽을 모두 본 이용자가 {both.events:,}명입니다")
    if not reasons:
        return None
    reasons.append("no comparison may be believed until the cause is found")
    return Verdict(
        action="pause", reasons=tuple(reasons), note="일시 정지: " + ", ".join(notes) + "."
    )


def _harm(analysis: Analysis) -> Verdict | None:
    worse = [d for m in _HARM if (d := analysis.differences.get(m)) is not None and d.worse]
    if not worse:
        return None
    return Verdict(
        action="roll_back",
        reasons=tuple(f"{told(found)}; below 0 at every look" for found in worse),
        note="되돌림: "
        + ", ".join(f"{_KOREAN[found.metric]} {_gain(found):+.1%}" for found in worse)
        + ", 우연이 아닙니다.",
    )


def _promotion(analysis: Analysis, course: Course, bar: _Bar, missing: _Missing) -> Verdict | None:
    if missing.minimums or missing.against or missing.proof:
        return None
    found = analysis.differences[bar.metric]
    return Verdict(
        action="promote",
        reasons=(
            f"{told(found)}; above 0 at every look, and above the {bar.gain:.1%} asked for",
            f"offline gain {course.offline_gain:.1%}, above {bar.offline_gain:.1%}",
        ),
        note=f"승격: {_KOREAN[bar.metric]} {_gain(found):+.1%}, 이용자 {found.users:,}명에서 확인되었습니다.",
    )


def _end(course: Course, rollout: Rollout, missing: _Missing) -> Verdict | None:
    if course.age_s < rollout.max_days * _DAY_S:
        return None
    days = f"{course.age_s / _DAY_S:.1f} days without a decision, limit {rollout.max_days:g}"
    return Verdict(
        action="inconclusive",
        reasons=(days, *missing.proof, *missing.against, *missing.minimums),
        note=f"결론 없음: {rollout.max_days:g}일 동안 차이가 확인되지 않아 기존 버전을 유지합니다.",
    )


def _next_step(
    analysis: Analysis, course: Course, rollout: Rollout, missing: _Missing
) -> Verdict | None:
    following = rollout.steps[course.step + 1 : course.step + 2]
    if missing.minimums or missing.against or not following or following[0].weight == 1:
        return None
    return Verdict(
        action="advance",
        reasons=(
            f"step {course.step + 1} has its {hours(course.in_step_s)} and "
            f"{analysis.arms['candidate'].users:,} users of the candidate, and nothing speaks against",
            f"next is {following[0].weight:.0%} of the users",
        ),
        note=f"다음 단계: 후보 비율을 {following[0].weight:.0%}로 올립니다.",
    )


def _at_last(course: Course, rollout: Rollout) -> Iterator[str]:
    following = rollout.steps[course.step + 1 : course.step + 2]
    if following and following[0].weight == 1:
        yield "at a weight of 1 nobody is left to compare with: evidence is gathered before"


def _minimums(analysis: Analysis, course: Course, rollout: Rollout) -> Iterator[str]:
    """Yield what the current step still needs, in time and users."""
    step = rollout.steps[min(course.step, len(rollout.steps) - 1)]
    users = analysis.arms["candidate"].users
    if course.in_step_s < step.least_s:
        yield f"{hours(step.least_s - course.in_step_s)} more at {step.weight:.0%}"
    if users < step.least_users:
        yield (
            f"{step.least_users - users:,} more users of the candidate with a known outcome "
            f"({users:,} of {step.least_users:,}; {analysis.waiting:,} users of either arm are waited for)"
        )


def _proof(analysis: Analysis, course: Course, bar: _Bar) -> Iterator[str]:
    """Yield what is missing for a promotion."""
    if course.offline_gain is None:
        yield "the offline gain is not known"
    elif course.offline_gain <= bar.offline_gain:
        yield f"offline gain {course.offline_gain:.1%} is not above {bar.offline_gain:.1%}"
    found = analysis.differences.get(bar.metric)
    if found is None:
        yield f"no users of both arms with a known {NAMES[bar.metric]}"
        return
    if not found.better:
        yield f"evidence that the gain is no chance: {told(found)}"
    if _gain(found) <= bar.gain:
        yield f"{NAMES[bar.metric]} gain {_gain(found):+.1%} is not above {bar.gain:.1%}"


def _against(analysis: Analysis) -> Iterator[str]:
    """Yield what forbids a step or a promotion although it proves nothing."""
    if analysis.sample_ratio.doubtful:
        yield f"the split is in doubt: {split_of(analysis.sample_ratio)}"
    for guard in analysis.guardrails:
        if guard.above:
            yield (
                f"{guard.name} of the candidate {guard.share:.1%} ({guard.events:,} of {guard.units:,} answers) "
                f"is above {guard.limit:.1%}, which may be chance or the stable arm's too"
            )


def _holding(analysis: Analysis, course: Course, rollout: Rollout, bar: _Bar) -> str:
    step = rollout.steps[min(course.step, len(rollout.steps) - 1)]
    users = analysis.arms["candidate"].users
    found = analysis.differences.get(bar.metric)
    so_far = f"{_KOREAN[bar.metric]} {_gain(found):+.1%}" if found else "아직 비교할 결과 없음"
    return f"유지: 후보 이용자 {users:,}/{step.least_users:,}명, {so_far}."
