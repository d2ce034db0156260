"""The metadata of an answer and the record of an interaction. Texts are masked here, before anything is written."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from naviyam.dialogue.decide import Decision, Spoken
from naviyam.dialogue.masked import masked
from naviyam.dialogue.trace import Trace
from naviyam.dialogue.turn import Ask, Turn
from naviyam.feedback.events import InteractionEvent
from naviyam.request import RequestContext, Understanding
from naviyam.text.personal import mask

VARIANTS: Mapping[str, str] = {"adapter": "stable", "ranker": "stable"}


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
        "variant": "stable",
        "versions": dict(versions),
        "candidates": len(decision.found.candidates) if decision.found is not None else 0,
        "recorded": recorded,
        "stages": {name: round(ms, 3) for name, ms in trace.stages_ms.items()},
        "candidates_ms": {
            name: round(trace.parts_ms.get(name, 0.0), 3) for name in ("retrieve", "funnels")
        },
    }


def degraded_reason(spoken: Spoken, trace: Trace) -> str | None:
    """Return why the answer is less than it should be, None if it is whole."""
    reasons = [*trace.problems, *([spoken.degraded_reason] if spoken.degraded_reason else [])]
    return ", ".join(dict.fromkeys(reasons)) or None


def turn_event(
    turn: Turn,
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
        variants=VARIANTS,
        written_by=spoken.written_by,
        degraded=degraded_reason(spoken, trace) is not None,
        candidates=decision.found.log if decision.found is not None else None,
        context=_context(turn.context, decision),
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
        variants=VARIANTS,
        written_by="none",
        degraded=degraded_reason(Spoken(), trace) is not None,
        candidates=decision.found.log if decision.found is not None else None,
        context=_context(ask.context, decision),
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


def _context(context: RequestContext, decision: Decision) -> dict[str, Any]:
    """Return when and roughly where; never the coordinates of a child."""
    place = decision.place
    return {
        "time": context.time.isoformat(),
        "district": None if context.district is None else mask(context.district),
        "municipality": context.municipality,
        "place": place.name if place is not None and place.level != "point" else None,
    }
