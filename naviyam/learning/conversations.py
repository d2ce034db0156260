"""Which answered messages may be learned from (spec 3, "good conversation"): the part that numbers decide. Pure.

Every rule is asked in order and the first that an answer fails is counted. What only the words can say is `quality`'s.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.request import Intent
from naviyam.settings import Learning

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Talk:
    """Answered messages [n].

    `satisfaction` 0 is none given, `shown` counts shops, `chosen` is any of them,
    `told` whether the log holds what the answer was written from.
    """

    answer: npt.NDArray[np.object_]
    user: npt.NDArray[np.object_]
    intent: npt.NDArray[np.object_]
    decided_by: npt.NDArray[np.object_]
    written_by: npt.NDArray[np.object_]
    response_s: npt.NDArray[np.float64]
    satisfaction: npt.NDArray[np.float64]
    shown: npt.NDArray[np.int64]
    chosen: Bools
    told: Bools


def good_talk(
    talk: Talk, options: Learning, *, silent: frozenset[str], used: frozenset[str]
) -> tuple[npt.NDArray[np.int64], Counter[str]]:
    """Return the rows that pass, and how many failed which rule.

    Args:
        talk: the answers of the window.
        options: the limits.
        silent: users who agreed to nothing being kept.
        used: answers that an earlier set had in the same role.
    """
    rules: tuple[tuple[str, Bools], ...] = (
        ("safety_turn", _safety(talk)),
        ("no_consent", _among(talk.user, silent)),
        ("fixed_words_or_no_shop", (talk.written_by == "fixed") | (talk.shown == 0)),
        ("not_rated", talk.satisfaction == 0),
        ("satisfaction_below_limit", talk.satisfaction < options.min_satisfaction),
        ("nothing_chosen", ~talk.chosen),
        ("slower_than_limit", talk.response_s > options.max_response_s),
        ("log_too_old_to_tell", ~talk.told),
        ("used_before", _among(talk.answer, used)),
    )
    left = np.ones(len(talk.answer), np.bool_)
    failed: Counter[str] = Counter()
    for name, wrong in rules:
        failed[name] = int((left & wrong).sum())
        left &= ~wrong
    return np.flatnonzero(left), +failed


def _safety(talk: Talk) -> Bools:
    wrong: Bools = (talk.intent == Intent.HELP_NEEDED.value) | (talk.decided_by == "safety")
    return wrong


def _among(values: npt.NDArray[Any], some: frozenset[str]) -> Bools:
    return np.fromiter((v in some for v in values.tolist()), np.bool_, len(values))
