"""BM25 over morphemes and over syllable pairs of shop names, with weights computed when the index is built.

Postings are two flat arrays and a start per term; a query adds up a few slices. No files but its own.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from naviyam.errors import ArtifactError
from naviyam.retrieval.dense import Hits, top
from naviyam.retrieval.words import expanded
from naviyam.text.clean import squash
from naviyam.text.morphemes import tokens

TERMS, POSTINGS = "terms.json", "postings.npz"
_K1, _B = 1.2, 0.75
_PAIR_WEIGHT = 0.35
"""A pair of syllables says less than a word, and a word has several."""

_EXPANDED_WEIGHT = 0.5
_PAIR = "#"


def document_terms(text: str, name: str) -> list[str]:
    """Return a document's terms: its morphemes, and its shop name's pairs of syllables (names are unspaced words)."""
    return [*tokens(text), *_pairs(squash(name))]


def query_terms(text: str) -> list[tuple[str, float]]:
    """Return a query's terms, each once, with weights: morphemes, their pairs of syllables, and what they stand for."""
    said = tuple(dict.fromkeys(tokens(text)))
    pairs = dict.fromkeys(pair for word in said for pair in _pairs(squash(word)))
    return [*((t, 1.0) for t in (*said, *pairs)), *((t, _EXPANDED_WEIGHT) for t in expanded(said))]


def _pairs(name: str) -> Iterable[str]:
    return (_PAIR + name[i : i + 2] for i in range(len(name) - 1))


class Lexical:
    """Terms in sorted order; those of term t weigh `weights[start[t]:start[t+1]]` in `rows[...]`."""

    def __init__(
        self,
        terms: Sequence[str],
        start: npt.NDArray[np.int64],
        rows: npt.NDArray[np.int32],
        weights: npt.NDArray[np.float32],
    ) -> None:
        self._term = {term: number for number, term in enumerate(terms)}
        self._start, self._rows, self._weights = start, rows, weights

    @classmethod
    def build(cls, documents: Iterable[Sequence[str]]) -> Self:
        """Build from each document's terms (Robertson and Zaragoza 2009, k1 = 1.2, b = 0.75)."""
        counted = [Counter(document) for document in documents]
        terms = sorted(set().union(*counted)) if counted else []
        number = {term: i for i, term in enumerate(terms)}
        row = np.repeat(np.arange(len(counted), dtype=np.int32), [len(c) for c in counted])
        term = np.array([number[t] for c in counted for t in c], np.int32)
        frequency = np.array([f for c in counted for f in c.values()], np.float64)
        length = np.array([c.total() for c in counted], np.float64)
        order = np.lexsort((row, term))
        row, term, frequency = row[order], term[order], frequency[order]
        found = np.bincount(term, minlength=len(terms)).astype(np.float64)
        rarity = np.log1p((len(counted) - found + 0.5) / (found + 0.5))
        rarity *= np.array([_PAIR_WEIGHT if t.startswith(_PAIR) else 1.0 for t in terms])
        damping = _K1 * (
            1 - _B + _B * length[row] / max(float(length.mean()) if len(length) else 1.0, 1.0)
        )
        weights = rarity[term] * frequency * (_K1 + 1) / (frequency + damping)
        start = np.concatenate([[0], np.cumsum(found)]).astype(np.int64)
        return cls(terms, start, row, weights.astype(np.float32))

    def search(self, text: str, mask: npt.NDArray[np.bool_], k: int) -> Hits:
        """Return at most `k` rows that `mask` [n] allows and that share a term with `text`, best first, and their scores."""
        total = np.zeros(len(mask), np.float32)
        for term, weight in query_terms(text):
            number = self._term.get(term)
            if number is not None:
                part = slice(self._start[number], self._start[number + 1])
                total[self._rows[part]] += weight * self._weights[part]
        rows = np.flatnonzero((total > 0) & mask)
        scores = total[rows]
        best = top(scores, min(k, len(rows)))
        return rows[best].astype(np.int32), scores[best]

    def save(self, folder: Path) -> None:
        """Write two files into `folder`."""
        (folder / TERMS).write_text(
            json.dumps(list(self._term), ensure_ascii=False), encoding="utf-8"
        )
        np.savez(folder / POSTINGS, start=self._start, rows=self._rows, weights=self._weights)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ArtifactError: a file is missing or broken, or the two do not belong together.
        """
        try:
            terms = json.loads((folder / TERMS).read_text(encoding="utf-8"))
            with np.load(folder / POSTINGS, allow_pickle=False) as arrays:
                start, rows, weights = arrays["start"], arrays["rows"], arrays["weights"]
        except (OSError, ValueError, KeyError) as e:
            raise ArtifactError(
                f"{folder} holds no readable postings ({e}); build the index again"
            ) from e
        if len(start) != len(terms) + 1 or not len(rows) == len(weights) == start[-1]:
            raise ArtifactError(
                f"{folder}: {len(terms)} terms, {len(start)} starts and {len(rows)} postings do not belong "
                "together; build the index again"
            )
        return cls(terms, start, rows, weights)
