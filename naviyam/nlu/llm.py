"""Stage 4's third layer as text: the prompt, the JSON that answers it, its schema, and how an answer is taken. Pure.

The layer reads only what rules and classifier were unsure of. Its answer is a proposal: one that is no JSON, names an unknown
intent or an impossible filter is refused, and a filter is taken only where the words for it stand in the message.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from naviyam.conversation import Turns
from naviyam.errors import InputError
from naviyam.request import CATEGORIES, COMPANIONS, SORTS, TIMES_OF_DAY, Filters, Intent
from naviyam.text.clean import normalise, squash

END: Final = "<|im_end|>"
_LONGEST = 80
"""Characters of a message that are read; children write 10 to 40."""

_CONTROL = re.compile(r"(?:<\|[^>]*\|>|[\x00-\x1f]|\s)+")


def build_prompt(text: str, turns: Turns) -> str:
    r"""Return the prompt up to where the JSON begins.

    No instruction: the adapter knows the task, and every token is a part of a child's wait.

    >>> build_prompt("치킨 ㄱㄱ", Turns())
    '<|im_start|>nlu\n치킨 ㄱㄱ<|im_end|>\n'
    """
    message = _CONTROL.sub(" ", normalise(text).text).strip()[:_LONGEST]
    shown = f"\n[{len(turns.last_shown)} shown]" if turns.last_shown else ""
    return f"<|im_start|>nlu\n{message}{shown}{END}\n"


def completion(intent: Intent, filters: Filters, semantic_query: str) -> str:
    """Return the JSON that a message is to be answered with: compact, the intent first, only what was said.

    A semantic query that only repeats the food of the filters is left out.

    >>> completion(Intent.FOOD_RECOMMENDATION, Filters(category="치킨"), "치킨")
    '{"intent":"FOOD_RECOMMENDATION","filters":{"category":"치킨"}}'
    """
    said = filters.to_dict()
    answer: dict[str, Any] = {"intent": intent.value}
    if said:
        answer["filters"] = dict(sorted(said.items()))
    if semantic_query and semantic_query not in _repeats(said):
        answer["semantic_query"] = semantic_query
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def _repeats(said: Mapping[str, Any]) -> frozenset[str]:
    foods = [str(said[k]) for k in ("category", "food_type") if k in said]
    return frozenset((*foods, *(f"{f}집" for f in foods)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the model says that a message wants."""

    intent: Intent
    filters: Filters


def parse(answer: str) -> Proposal | None:
    """Return what an answer proposes, None where it is no JSON object or holds what spec 7 does not know.

    >>> parse('{"intent":"FOOD_RECOMMENDATION","filters":{"category":"치킨"}}').filters.to_dict()
    {'category': '치킨'}
    >>> parse('{"intent":"DANCE"}'), parse('{"intent":"SELECT","filters":{"budget_max":-1}}'), parse('{"int')
    (None, None, None)
    """
    try:
        found = json.loads(answer)
        filters = Filters.from_dict(found.get("filters") or {})
        return Proposal(intent=Intent(found["intent"]), filters=filters)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InputError):
        return None


def schema(*, filters: bool) -> dict[str, Any]:
    """Return the JSON schema that an answer is decoded against: spec 7's intents, and its filters where they are asked for.

    >>> schema(filters=False)["required"], sorted(schema(filters=True)["properties"])
    (['intent'], ['filters', 'intent'])
    """
    properties: dict[str, Any] = {"intent": {"enum": [i.value for i in Intent]}}
    if filters:
        properties["filters"] = _object(_FILTERS, required=())
    return _object(properties, required=("intent",))


def _object(properties: Mapping[str, Any], *, required: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _texts() -> dict[str, Any]:
    return {"type": "array", "items": _TEXT, "maxItems": 4}


_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 20}
_FILTERS: Final = {
    "atmosphere": _TEXT,
    "budget_max": {"type": "integer", "minimum": 1, "maximum": 10_000_000},
    "category": {"enum": list(CATEGORIES)},
    "companion": {"enum": list(COMPANIONS)},
    "dietary": _texts(),
    "exclude": _texts(),
    "food_type": _TEXT,
    "is_good_influence_shop": {"enum": [True]},
    "location": _TEXT,
    "open_now": {"enum": [True]},
    "party_size": {"type": "integer", "minimum": 1, "maximum": 99},
    "payment_method": {"enum": ["meal_card"]},
    "sort": {"enum": list(SORTS)},
    "time_of_day": {"enum": list(TIMES_OF_DAY)},
}
"""In the order in which the adapter learned them."""


def added(proposed: Filters, said: Filters, text: str) -> Filters:
    """Return `said` with what the model adds, where the words for it stand in the message.

    Only values that are words themselves can be found there (a dish, a place, what is not wanted); the others, and whatever the rules found,
    stay as the rules say.

    >>> added(Filters(food_type="마라샹궈", location="강남"), Filters(sort="cheapest"), "마라 샹궈 싼 데").to_dict()
    {'food_type': '마라샹궈', 'sort': 'cheapest'}
    """
    plain = squash(text)
    changes: dict[str, Any] = {}
    for key in ("food_type", "location", "atmosphere"):
        value = getattr(proposed, key)
        fits = value and squash(value) and squash(value) in plain
        taken = getattr(said, key) or (key == "food_type" and said.category)
        if fits and not taken and squash(value) not in map(squash, said.exclude):
            changes[key] = value
    unwanted = [x for x in proposed.exclude if squash(x) and squash(x) in plain]
    wanted = {said.category, said.food_type, changes.get("food_type")}
    more = tuple(x for x in unwanted if x not in said.exclude and x not in wanted)
    if more:
        changes["exclude"] = (*said.exclude, *more)
    return replace(said, **changes)
