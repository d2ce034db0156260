"""What a Korean sentence says in numbers, and of which shop. For `language`; shares nothing with the grounding check."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OFFER = re.compile(r"까지[^.!?]{0,12}(?:볼까요|넓혀|늘려|괜찮)")
"""An offer to look further ("7천 원까지 볼까요"): its amount is no fact."""

_PRICE = re.compile(r"(?<![\d,.])(\d{1,3}(?:,\d{3})+|\d{3,7})\s*원")
_SPOKEN_PRICE = re.compile(
    r"(?<![\d,])(?:(?<![가-힣])(\d{0,2})\s*만)?\s*(?:(\d{1,2})\s*천)?\s*(?:(\d)\s*백)?\s*원"
)
_MINUTES = re.compile(r"(?<!\d)(\d{1,3})\s*분(?![식가위명])")
_METRES = re.compile(r"(?<![\d.])(\d{1,2}(?:\.\d+)?|\d{2,5})\s*(km|킬로|m\b|미터)")
_CLOCK = re.compile(
    r"(?<![\d:])(\d{1,2})(?::(\d{2})|\s*시(?![간켜킨킬])(?:\s*(\d{1,2})\s*분|\s*(반))?)"
)
_CLOCK_IN_DATA = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?!\d)")
_STARS = re.compile(r"(\d(?:\.\d+)?)\s*점")
_PERCENT = re.compile(r"(\d{1,3})\s*(?:%|퍼센트)")
_SHORTEST_PLACE = 5
_NO_PRICE = r"(?!\s*\d[\d,]*원)"
_MARK = re.compile(r"\x01(\d+)\x02")


def prices(text: str) -> set[int]:
    """Return the amounts in won.

    >>> sorted(prices("김밥 3,500원, 5천 원이나 만 2천 원, 1만5천원"))
    [3500, 5000, 12000, 15000]
    """
    found = {int(m[1].replace(",", "")) for m in _PRICE.finditer(text)}
    for m in _SPOKEN_PRICE.finditer(text):
        tens = 0 if m[1] is None else int(m[1] or 1)
        amount = tens * 10_000 + int(m[2] or 0) * 1_000 + int(m[3] or 0) * 100
        found |= {amount} if amount else set()
    return found


def walks(text: str) -> list[int]:
    """Return the minutes that belong to no hour.

    >>> walks("걸어서 5분, 9시 30분까지, 2인분, 분식 3곳")
    [5]
    """
    taken = [m.span() for m in _CLOCK.finditer(text)]
    return [
        int(m[1])
        for m in _MINUTES.finditer(text)
        if not any(start <= m.start() < end for start, end in taken)
    ]


def distances(text: str) -> list[float]:
    """Return the distances in metres.

    >>> distances("1.2km, 300m")
    [1200.0, 300.0]
    """
    return [float(m[1]) * (1_000 if m[2] in {"km", "킬로"} else 1) for m in _METRES.finditer(text)]


def clocks(text: str) -> list[tuple[int, int]]:
    """Return the times of day as said, hour and minute.

    >>> clocks("21:00까지, 밤 9시 반, 24시간")
    [(21, 0), (9, 30)]
    """
    return [
        (int(m[1]) % 24, int(m[2] or m[3] or (30 if m[4] else 0))) for m in _CLOCK.finditer(text)
    ]


def ratings(text: str) -> list[float]:
    """Return the stars that are told."""
    return [float(m[1]) for m in _STARS.finditer(text)]


def percents(text: str) -> list[int]:
    """Return the percentages that are told."""
    return [int(m[1]) for m in _PERCENT.finditer(text)]


def menu_prices(shops: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the prices of the shown menus."""
    return {m["price_won"] for s in shops for m in s["menus"]}


def hours_of(
    shops: Sequence[Mapping[str, Any]], pages: Sequence[Mapping[str, Any]]
) -> set[tuple[int, int]]:
    """Return every hour and minute in the shops' opening hours."""
    told = json.dumps([[s.get("open_until") for s in shops], [p.get("hours") for p in pages]])
    return {(int(h) % 24, int(m)) for h, m in _CLOCK_IN_DATA.findall(told)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Which amounts may be said of shops. `asked`: the child's words and the budget in them."""

    asked: tuple[str, int | None]
    limit_won: int

    def of(
        self,
        shops: Sequence[Mapping[str, Any]],
        pages: Sequence[Mapping[str, Any]],
        *,
        compare: Sequence[Mapping[str, Any]] = (),
    ) -> set[int]:
        """Return prices, discounts, the limit and the budget, and the differences of two of them."""
        told = menu_prices(shops)
        for page in pages:
            for menu in page.get("menus", ()):
                told |= {menu["price_won"]}
                if menu.get("discount_won"):
                    told |= {menu["discount_won"], menu["price_won"] - menu["discount_won"]}
        message, budget_won = self.asked
        fixed = {self.limit_won, *prices(message), *([budget_won] if budget_won else [])}
        others = fixed | told | menu_prices(compare)
        return fixed | told | {abs(a - b) for a in told for b in others if a != b}


def without_names(text: str, shops: Sequence[Mapping[str, Any]]) -> str:
    """Return the text with marks for shop names, and without menu names and addresses that hold digits."""
    for i in sorted(range(len(shops)), key=lambda i: len(shops[i]["name"]), reverse=True):
        name = re.escape(shops[i]["name"])
        if any(shops[i]["name"] in m["name"] for s in shops for m in s["menus"]):
            name += _NO_PRICE  # a menu of that name, told with its price
        text = re.sub(name, f"\x01{i}\x02", text)
    told = {m["name"] for s in shops for m in s["menus"]}
    told |= {part for s in shops for part in _address_parts(s.get("address", ""))}
    for words in sorted(told, key=len, reverse=True):
        if re.search(r"\d", words):
            text = text.replace(words, " ")
    return text


def _address_parts(address: str) -> set[str]:
    """Return an address and its ends, with and without the note in brackets: a shop's place may be told in short."""
    words = address.split(" ")
    ends = {" ".join(words[i:]) for i in range(len(words))}
    ends |= {re.sub(r"[\s.,]*\([^()]*\)\W*$", "", end) for end in ends}
    return {end for end in ends if len(end) >= _SHORTEST_PLACE and re.search(r"[가-힣]{2}", end)}


def sentences_with_shop(
    marked: str, shops: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Yield every piece of a `without_names` text and the shop it speaks of: the last one named, or None."""
    current: Mapping[str, Any] | None = None
    for sentence in re.split(r"(?<=[.!?\n])\s+", marked):
        for piece in re.split(r"(?<=.)(?=\x01\d+\x02)", sentence):
            if mark := _MARK.search(piece):
                current = shops[int(mark[1])]
            yield _MARK.sub(" ", piece), current


def squash(text: str) -> str:
    """Return the text without spaces and decoration, to compare names."""
    return re.sub(r"[\s*_()\[\]「」\"']+", "", text)
