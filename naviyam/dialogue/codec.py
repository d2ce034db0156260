"""Conversation memory as JSON and back, for a store that outlives the process. Never pickle."""

import json
from dataclasses import asdict
from typing import Any

from naviyam.conversation import Turns
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import Emotion, Entity, Filters, Intent, Understanding, UserProfile


def dump_turns(turns: Turns) -> str:
    """Return `turns` as JSON text."""
    return json.dumps(asdict(turns), ensure_ascii=False)


def load_turns(text: str) -> Turns:
    """Return the `Turns` that `dump_turns` wrote."""
    raw = json.loads(text)
    last = raw["last_understanding"]
    return Turns(
        last_understanding=None if last is None else _understanding(last),
        last_shown=tuple(_recommendation(r) for r in raw["last_shown"]),
        filters=_filters(raw["filters"]),
        shown_before=tuple(raw["shown_before"]),
        openings=tuple(raw["openings"]),
        signs_by_message=tuple(tuple(names) for names in raw.get("signs_by_message", ())),
        place=raw["place"],
    )


def dump_profile(profile: UserProfile) -> str:
    """Return a profile as JSON text."""
    return json.dumps(asdict(profile), ensure_ascii=False)


def load_profile(text: str) -> UserProfile:
    """Return the profile that `dump_profile` wrote."""
    raw = json.loads(text)
    for key in ("favorite_categories", "dietary"):
        raw[key] = tuple(raw[key])
    return UserProfile(**raw)


def _filters(raw: dict[str, Any]) -> Filters:
    return Filters.from_dict({k: v for k, v in raw.items() if v is not None})


def _understanding(raw: dict[str, Any]) -> Understanding:
    return Understanding(
        **{
            **raw,
            "intent": Intent(raw["intent"]),
            "emotion": Emotion(raw["emotion"]),
            "entities": tuple(Entity(**e) for e in raw["entities"]),
            "filters": _filters(raw["filters"]),
            "keywords": tuple(raw["keywords"]),
        }
    )


def _recommendation(raw: dict[str, Any]) -> Recommendation:
    return Recommendation(
        **{
            **raw,
            "menus": tuple(ShownMenu(**m) for m in raw["menus"]),
            "reasons": tuple(raw["reasons"]),
        }
    )
