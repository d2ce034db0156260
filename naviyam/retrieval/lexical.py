"""BM25 over morphemes, whole menu names and syllable pairs of shop names, weighed when the index is built.

Postings are two flat arrays and a start per term; a query adds up a few slices. Reads a query as the index knows
words: misspelt ones become known ones, moods become dishes. No files but its own.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from naviyam.errors import ArtifactError
from naviyam.retrieval.dense import Hits, top
from naviyam.retrieval.expansions import LONG_STEMS, meant_words
from naviyam.retrieval.near_terms import NearTerms
from naviyam.retrieval.words import DISH_KINDS
from naviyam.text.clean import squash
from naviyam.text.dishes import DISHES
from naviyam.text.morphemes import tokens

TERMS, POSTINGS = "terms.json", "postings.npz"
_K1, _B = 1.2, 0.75
_PAIR_WEIGHT = 0.35
"""A pair of syllables says less than a word, and a word has several."""

_MEANT_WEIGHT, _KIND_WEIGHT, _NEAR_WEIGHT = 0.8, 0.5, 0.9
"""Beside a word that was said (1): one that a mood means, the kind of shop that sells a dish, a corrected one."""

_BESIDE_DISH = 0.2
"""A word that a mood means, where a dish was named as well: 매콤한 떡볶이 is 떡볶이 first."""

_MEANT_MOST = 12
"""Dishes that stand for a mood in the sentence that is embedded."""

_PAIR = "#"


def document_terms(text: str, name: str, menus: Iterable[str] = ()) -> list[str]:
    """Return a document's terms: morphemes (those of menus twice), whole menus, the name's pairs of syllables."""
    out = list(tokens(text))
    for menu in menus:
        plain = menu.partition("(")[0]
        out += [*tokens(plain), squash(plain)]
    return [*out, *_pairs(squash(name))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query as an index reads it. `sentence` is what to embed, `terms` what to look up and how much each counts."""

    sentence: str
    terms: tuple[tuple[str, float], ...]


def _pairs(name: str) -> Iterator[str]:
    return (_PAIR + name[i : i + 2] for i in range(len(name) - 1))


class Lexical:
    """Terms in sorted order; those of term t weigh `weights[start[t]:start[t+1]]` in `rows[...]`."""

    def __init__(
        self,
        terms: Sequence[str],
        start: npt.NDArray[np.int64],
        rows: npt.NDArray[np.int32],
        weights: npt.NDArray[np.float32],
        *,
        size: int,
    ) -> None:
        self._term = {term: number for number, term in enumerate(terms)}
        self._start, self._rows, self._weights = start, rows, weights
        self.size = size
        self._near = NearTerms([term for term in terms if not term.startswith(_PAIR)])

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
        return cls(terms, start, row, weights.astype(np.float32), size=len(counted))

    def read(self, text: str) -> Asked:
        """Return what a query asks of this index."""
        near = {word: found for word in text.split() if (found := self._corrected(word))}
        sentence = " ".join(near[w][0] if w in near else w for w in text.split())
        morphemes = tokens(text)
        said = dict.fromkeys(morphemes, 1.0)
        said |= {term: _NEAR_WEIGHT * alike for term, alike in near.values()}
        weights = {pair: 1.0 for word in morphemes for pair in _pairs(word)} | said
        meant = meant_words(sentence, said)
        share = _BESIDE_DISH if DISHES & said.keys() else _MEANT_WEIGHT
        for word, stems in meant.items():
            weights[word] = weights.get(word, 0.0) + share * stems
        for kind in (kind for word in said for kind in DISH_KINDS.get(word, ())):
            weights.setdefault(kind, _KIND_WEIGHT)
        dishes = [word for word, _ in meant.most_common(_MEANT_MOST)]
        return Asked(sentence=" ".join([sentence, *dishes]), terms=tuple(weights.items()))

    def _corrected(self, word: str) -> tuple[str, float] | None:
        """Return the known term for a word that is unknown, also in its parts, and how alike they are."""
        plain = squash(word)
        if plain in self._term or any(stem in plain for stem in LONG_STEMS):
            return None
        parts = tokens(word)
        if parts and all(part in self._term and len(part) > 1 for part in parts):
            return None
        return self._near.nearest(plain)

    def scores(self, asked: Asked) -> npt.NDArray[np.float32]:
        """Return every document's score [n]; 0 where it shares no term."""
        total = np.zeros(self.size, np.float32)
        for term, weight in asked.terms:
            number = self._term.get(term)
            if number is not None:
                part = slice(self._start[number], self._start[number + 1])
                total[self._rows[part]] += weight * self._weights[part]
        return total

    def search(self, text: str, mask: npt.NDArray[np.bool_], k: int) -> Hits:
        """Return at most `k` rows that `mask` [n] allows and that share a term with `text`, best first, and their scores."""
        total = self.scores(self.read(text))
        rows = np.flatnonzero((total > 0) & mask)
        scores = total[rows]
        best = top(scores, min(k, len(rows)))
        return rows[best].astype(np.int32), scores[best]

    def save(self, folder: Path) -> None:
        """Write two files into `folder`."""
        (folder / TERMS).write_text(
            json.dumps(list(self._term), ensure_ascii=False), encoding="utf-8"
        )
        np.savez(
            folder / POSTINGS,
            start=self._start,
            rows=self._rows,
            weights=self._weights,
            size=np.int64(self.size),
        )

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
                size = int(arrays["size"])
        except (OSError, ValueError, KeyError) as e:
            raise ArtifactError(
                f"{folder} holds no readable postings ({e}); build the index again"
            ) from e
        if len(start) != len(terms) + 1 or not len(rows) == len(weights) == start[-1]:
            raise ArtifactError(
                f"{folder}: {len(terms)} terms, {len(start)} starts and {len(rows)} postings do not belong "
                "together; build the index again"
            )
        return cls(terms, start, rows, weights, size=size)
