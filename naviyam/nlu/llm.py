"""Stage 4's third layer as text: the prompt, the JSON that answers it, its schema, and how an answer is taken. Pure.

The layer reads only what rules and classifier were unsure of. Its answer is a proposal: one that is no JSON, names an unknown
intent or an impossible filter is refused, and a filter is taken only where the words for it stand in the message.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from naviyam.conversation import Turns
from naviyam.errors import InputError
from naviyam.request import Filters, Intent
from naviyam.text.clean import normalise

END: Final = "<|im_end|>"
_LONGEST = 80
"""Characters of a message that are read; children write 10 to 40."""

_CONTROL = re.compile(r"<\|[^>]*\|>|[\x00-\x1f]|\s+")


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
    except (ValueError, KeyError, TypeError, AttributeError, InputError):
        return None
