"""What the classifier sees beside the sentence embedding: hashed n-grams of jamo, and what the rules found. Pure; the same in training and serving."""

import unicodedata
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

from naviyam.nlu.intents import Findings
from naviyam.request import ALLERGY_PREFIX, RELATIVE_PLACES
from naviyam.text.clean import normalise
from naviyam.text.spelling import unify

BUCKETS = 8_192
SIZES = (2, 3, 4, 6)
"""Lengths of the n-grams in jamo; a syllable has two or three, so these see endings, particles and short words."""

MARKS = (
    "category", "food_type", "ingredient", "dietary", "allergy", "budget_max", "payment_method", "is_good_influence_shop", "open_now",
    "location", "near", "companion", "party_size", "time_of_day", "sort", "atmosphere", "unwanted",
    "shop", "ordinal", "pointing", "cheaper", "nearer", "elsewhere", "wish", "opens", "history",
)  # fmt: skip
"""What the rules may have found, each 1 or 0."""

SCHEMA = f"jamo-{'-'.join(map(str, SIZES))}/{BUCKETS}/marks-{crc32(' '.join(MARKS).encode()):08x}"


def marks_row(findings: Findings) -> npt.NDArray[np.float32]:
    """Return which of `MARKS` hold, as 1 and 0."""
    found = {s.key for s in findings.spans if not s.negated}
    values = [(s.key, str(s.value)) for s in findings.spans]
    held = {
        "allergy": any(k == "dietary" and v.startswith(ALLERGY_PREFIX) for k, v in values),
        "near": any(k == "location" and v in RELATIVE_PLACES for k, v in values),
        "unwanted": any(s.negated for s in findings.spans),
        "shop": findings.shop,
        "ordinal": findings.ordinal,
        "pointing": findings.pointing,
        "opens": findings.refine_opens,
        "history": findings.has_history,
    }
    row = [held.get(name, name in found or name == findings.refine) for name in MARKS]
    return np.array(row, np.float32)


def ngram_row(text: str) -> npt.NDArray[np.int64]:
    """Return the buckets of a message's n-grams, each once, ascending.

    >>> bool(set(ngram_row("배고파")) & set(ngram_row("배고팡")))
    True
    """
    jamo = _jamo(text)
    grams = {jamo[i : i + size] for size in SIZES for i in range(len(jamo) - size + 1)}
    return np.unique([crc32(gram.encode()) % BUCKETS for gram in grams]).astype(np.int64)


def ngram_matrix(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return rows of unit length [n, BUCKETS]; for training, where a whole set fits in memory."""
    rows = np.zeros((len(texts), BUCKETS), np.float32)
    for row, text in zip(rows, texts, strict=True):
        at = ngram_row(text)
        if at.size:
            row[at] = 1.0 / np.sqrt(at.size)
    return rows


def _jamo(text: str) -> str:
    """Return the message without spaces as jamo between marks; digits become one sign, so that amounts look alike."""
    plain = unify(normalise(text).text.lower()).replace(" ", "")
    signs = ("0" if c.isdigit() else c for c in plain)
    return unicodedata.normalize("NFD", f"^{''.join(signs)}$")
