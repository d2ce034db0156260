"""The metadata of an answer and the record of an interaction. Texts are masked here, before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from naviyam.arms import experiments_of, variants_of
from naviyam.dialogue.decide import Decision, Spoken
from naviyam.dialogue.finder import Found
from naviyam.dialogue.masked import masked
from naviyam.dialogue.trace import Trace
from naviyam.dialogue.turn import Ask, Turn
from naviyam.feedback.events import FailureEvent, InteractionEvent
from naviyam.nlg.brief import WriteRequest
from naviyam.request import RequestContext, Understanding
from naviyam.safety.screen import OUTPUT_REASONS
from naviyam.text.personal import mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What stage 4 made of the message alone, before memory completed it; `shown` shops stood in memory."""

    understanding: Understanding
    shown: int


def metadata_of(
    decision: Decision,
    spoken: Spoken,
    trace: Trace,
    versions: Mapping[str, str],
    *,
    recorded: bool,
) -> dict[str, Any]:
    """Return spec 7's metadata; times are milliseconds."""
    why = degraded_reason(spoken, trace)
    return {
        "intent": decision.understanding.intent.value,
        "filters": decision.understanding.filters.to_dict(),
        "relaxed": list(decision.relaxed),
        "place": decision.place.name if decision.place is not None else None,
        "method": decision.method,
        "written_by": spoken.written_by,
        "degraded": why is not None,
        "degraded_reason": why,
        "rejected": list(spoken.rejected),
        "variant": "candidate"
        if any(a.name == "candidate" for a in trace.arms.values())
        else "stable",
        "experiments": {
            layer: {"experiment": arm.experiment, "arm": arm.name, "version": arm.version}
            for layer, arm in trace.arms.items()
        },
        "arm_errors": list(trace.arm_errors),
        "versions": dict(versions),
        "candidates": len(decision.found.candidates) if decision.found is not None else 0,
        "recorded": recorded,
        "stages": {name: round(ms, 3) for name, ms in trace.stages_ms.items()},
        "candidates_ms": {
            name: round(trace.parts_ms.get(name, 0.0), 3) for name in ("retrieve", "funnels")
        },
    }


def serving(
    versions: Mapping[str, str], spoken: Spoken, found: Found | None = None
) -> Mapping[str, str]:
    """Return the versions that one answer is from.

    Adapters change while a process runs and a user's arm may have another ranker, variant or adapter: what answered is
    named. Where no model wrote, the adapter is `none`.
    """
    by_model = spoken.written_by in ("llm", "mixed")
    adapter = spoken.adapter or (versions.get("adapter", "none") if by_model else "none")
    searched = {} if found is None else {"ranker": found.ranker, "retriever": found.retriever}
    return {**versions, **searched, "adapter": adapter, "prompt": spoken.prompt}


def degraded_reason(spoken: Spoken, trace: Trace) -> str | None:
    """Return why the answer is less than it should be, None if it is whole."""
    reasons = [*trace.problems, *([spoken.degraded_reason] if spoken.degraded_reason else [])]
    return ", ".join(dict.fromkeys(reasons)) or None


def failure_event(
    asked: Turn | Ask, code: str, versions: Mapping[str, str], *, now: datetime, seconds: float
) -> FailureEvent:
    """Return the record of a message or a call that got no answer after `seconds`."""
    return FailureEvent(
        interaction_id=asked.interaction_id,
        time=now,
        user_id=asked.user_id,
        session_id=asked.session_id if isinstance(asked, Turn) else "",
        route="chat" if isinstance(asked, Turn) else "recommendations",
        error=code,
        response_time_s=seconds,
        versions=versions,
        variants=variants_of(asked.arms),
        experiments=experiments_of(asked.arms),
        simulated=asked.context.simulated,
    )


def turn_event(
    turn: Turn,
    heard: Heard,
    decision: Decision,
    spoken: Spoken,
    trace: Trace,
    versions: Mapping[str, str],
    now: datetime,
    *,
    kept: Understanding,
) -> InteractionEvent:
    """Return the record of a message, `kept` of its understanding. The words of a child who asks for help are not kept."""
    private = decision.help_kind is not None
    return InteractionEvent(
        interaction_id=turn.interaction_id,
        time=now,
        user_id=turn.user_id,
        session_id=turn.session_id,
        route="chat",
        text="" if private else mask(turn.message),
        understanding=kept,
        shown=decision.shown,
        response=mask_response(spoken.text, decision),
        response_time_s=trace.elapsed_s(),
        versions=versions,
        variants=variants_of(trace.arms),
        experiments=experiments_of(trace.arms),
        arm_errors=tuple(trace.arm_errors),
        written_by=spoken.written_by,
        degraded=degraded_reason(spoken, trace) is not None,
        candidates=decision.found.log if decision.found is not None else None,
        draw=decision.draw,
        context=_context(turn.context, decision),
        simulated=turn.context.simulated,
        said=None if private else _said(heard, turn.message),
        writing=None if private or decision.write is None else _writing(decision.write, spoken),
        unsafe=tuple(name for name in OUTPUT_REASONS if name in spoken.rejected),
    )


def ask_event(
    ask: Ask, decision: Decision, trace: Trace, versions: Mapping[str, str], now: datetime
) -> InteractionEvent:
    """Return the record of a call for recommendations."""
    private = decision.help_kind is not None
    return InteractionEvent(
        interaction_id=ask.interaction_id,
        time=now,
        user_id=ask.user_id,
        session_id="",
        route="recommendations",
        text="" if private else mask(ask.query),
        understanding=masked(decision.understanding, ask.query),
        shown=decision.shown,
        response="",
        response_time_s=trace.elapsed_s(),
        versions=versions,
        variants=variants_of(trace.arms),
        experiments=experiments_of(trace.arms),
        arm_errors=tuple(trace.arm_errors),
        written_by="none",
        degraded=degraded_reason(Spoken(), trace) is not None,
        candidates=decision.found.log if decision.found is not None else None,
        draw=decision.draw,
        context=_context(ask.context, decision),
        simulated=ask.context.simulated,
    )


def mask_response(text: str, decision: Decision) -> str:
    """Return an answer as it is kept: masked like a message, but the shops' own public addresses stay."""
    kept: dict[str, str] = {}
    for i, r in enumerate(decision.shown):
        if r.address and r.address in text:
            kept[f"\x00{i}\x00"] = r.address
            text = text.replace(r.address, f"\x00{i}\x00")
    text = mask(text)
    for token, address in kept.items():
        text = text.replace(token, address)
    return text


def _said(heard: Heard, message: str) -> dict[str, Any]:
    """Return what the message alone was taken to mean: what a model of understanding may learn from."""
    plain = masked(heard.understanding, message)
    return {
        "filters": plain.filters.to_dict(),
        "semantic_query": plain.semantic_query,
        "shown": heard.shown,
    }


def _writing(request: WriteRequest, spoken: Spoken) -> dict[str, Any]:
    """Return what was told to the writer beyond understanding and shops, and what it wrote over slots."""
    return {
        "relaxed": list(request.relaxed),
        "limit_won": request.limit_won,
        "saved_won": request.saved_won,
        "named": request.understanding.shop_name is not None,
        "place_known": request.place_known,
        "shops": [
            {
                "distance_m": r.distance_m,
                "walk_minutes": r.walk_minutes,
                "open_now": r.open_now,
                "open_until": r.open_until,
            }
            for r in request.recommendations
        ],
        "told": list(spoken.told),
    }


def _context(context: RequestContext, decision: Decision) -> dict[str, Any]:
    """Return when and roughly where; never the coordinates of a child."""
    place = decision.place
    return {
        "time": context.time.isoformat(),
        "district": None if context.district is None else mask(context.district),
        "municipality": context.municipality,
        "place": place.name if place is not None and place.level != "point" else None,
    }
