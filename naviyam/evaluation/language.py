"""A second opinion on an answer's words: every fact in the text against what was shown with it.

Written apart from the service's own grounding check and sharing no code with it, so that one error is not made twice.
It reads only what anyone outside sees: the text, the recommendations, the shops as `GET /shops/{id}` gives them.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from naviyam.evaluation.said import (
    OFFER,
    Amounts,
    clocks,
    distances,
    hours_of,
    menu_prices,
    percents,
    prices,
    ratings,
    sentences_with_shop,
    squash,
    walks,
    without_names,
)

MAX_EMOJI = 2
STIGMA = ("결식", "불우", "빈곤", "가난", "저소득")
ALCOHOL = re.compile(
    r"소주|맥주|막걸리|동동주|와인|위스키|칵테일|하이볼|사케|고량주|생맥|호프|(?<![전충광원청진상경나여양영공파제무성울완])주점|포차|이자카야|술집|안주"
)

_ITEM = re.compile(r"(?:^|[\s.!?])(\d)[.)]\s+([^:：\n]{1,60})[:：]")
_EMOJI = re.compile(r"[\U0001F300-\U0001FAFF\u2600-\u27BF]")
_CARD_WORKS = re.compile(
    r"카드(?:로|가|도|는|를)?\s*(?:[가-힣 ]{0,8})?(?:돼요|되는|됩|쓸 수 있|쓸수있|받아요|먹을 수 있|낼 수 있)"
)
_CARD_DOUBT = re.compile(r"확인|몰라|물어|아직|안 되|안 돼|되는지|없어요|없었|한도")
_OPEN_NOW = re.compile(r"(?:지금|아직)[^.!?]{0,12}열려|열려 있|영업 중|열었어요|문을 열")
_OPEN_DOUBT = re.compile(r"몰라|확인|물어|않|는지|없|닫")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong. `kind` is counted, `detail` holds the words."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question and what an outsider can say an answer must keep to."""

    message: str
    budget_won: int | None = None
    open_now: bool = False
    card: bool = False
    earlier: tuple[Mapping[str, Any], ...] = ()
    """Shops shown before in this conversation: they may be named and compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known apart from the answer: shops by id as `GET /shops/{id}` gives them, names of all shops."""

    shops: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    names: Collection[str] = ()
    limit_won: int = 9_500


def check_answer(asked: Asked, answer: Mapping[str, Any], known: Known) -> tuple[Finding, ...]:
    """Return all that is wrong with one `/chat` answer, judged from outside."""
    text = str(answer.get("response", ""))
    shown: Sequence[Mapping[str, Any]] = answer.get("recommendations", ())
    return (
        *_empty(text),
        *_promises(asked, shown),
        *_against_source(shown, known),
        *_words(text, shown),
        *_numbers(asked, text, shown, known),
        *_names(asked, text, shown, known),
        *_claims(text, shown),
        *_prices_known(text, shown),
        *_cheaper(text, shown, asked.earlier),
    )


def on_topic(words: Collection[str], shop: Mapping[str, Any]) -> bool:
    """Return whether any of `words` is in the shop's name, category or shown menus (no words: True)."""
    told = " ".join([shop["name"], shop["category"], *(m["name"] for m in shop["menus"])])
    told = told.replace(" ", "")
    return not words or any(word in told for word in words)


def _empty(text: str) -> Iterator[Finding]:
    if len(re.findall(r"[가-힣]", text)) < 5:
        yield Finding(kind="no Korean text", detail=text[:80])
    if "\ufffd" in text:
        yield Finding(kind="broken characters", detail=text[:80])


def _promises(asked: Asked, shown: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """What the child asked for, against the shops themselves."""
    for shop in shown:
        for menu in shop["menus"]:
            if asked.budget_won and menu["price_won"] > asked.budget_won:
                detail = f"{shop['name']} {menu['name']} {menu['price_won']} > {asked.budget_won}"
                yield Finding(kind="budget broken", detail=detail)
        if asked.open_now and shop.get("open_now") is False:
            yield Finding(kind="closed shop shown", detail=shop["name"])
        if asked.card and shop["meal_card"] == "no":
            yield Finding(kind="card refused there", detail=shop["name"])
    for shop in shown:
        for told in (shop["name"], shop["category"], *(m["name"] for m in shop["menus"])):
            if ALCOHOL.search(told):
                yield Finding(kind="alcohol", detail=f"{shop['name']}: {told}")


def _against_source(shown: Sequence[Mapping[str, Any]], known: Known) -> Iterator[Finding]:
    """A recommendation's facts against the shop's own page."""
    for shop in shown:
        page = known.shops.get(shop["shop_id"])
        if page is None:
            continue
        for key in ("name", "category", "address", "meal_card", "is_good_influence_shop"):
            if key in page and page[key] != shop[key]:
                detail = f"{shop['shop_id']} {key}: {shop[key]!r}, its page says {page[key]!r}"
                yield Finding(kind="differs from the shop's page", detail=detail)
        listed = {(m["name"], m["price_won"]) for m in page.get("menus", ())}
        for menu in shop["menus"]:
            if listed and (menu["name"], menu["price_won"]) not in listed:
                detail = f"{shop['name']}: {menu['name']} {menu['price_won']}"
                yield Finding(kind="menu not on the shop's page", detail=detail)


def _words(text: str, shown: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for word in STIGMA:
        if word in text:
            yield Finding(kind="stigma word", detail=word)
    plain = text
    for shop in shown:
        plain = plain.replace(shop["name"], "")
    if found := ALCOHOL.search(plain):
        yield Finding(kind="alcohol", detail=f"text: {found[0]}")
    if len(_EMOJI.findall(text)) > MAX_EMOJI:
        yield Finding(kind="too many emoji", detail=text[:80])


def _numbers(
    asked: Asked, text: str, shown: Sequence[Mapping[str, Any]], known: Known
) -> Iterator[Finding]:
    """Prices, minutes, metres, hours, stars and percents of the text against what was shown."""
    sources = [*shown, *asked.earlier]
    pages = [known.shops.get(s["shop_id"], {}) for s in sources]
    amounts = Amounts(asked=(asked.message, asked.budget_won), limit_won=known.limit_won)
    said_anywhere = amounts.of(sources, pages)
    for sentence, shop in sentences_with_shop(without_names(text, sources), sources):
        if OFFER.search(sentence):
            continue
        for price in prices(sentence) - said_anywhere:
            yield Finding(kind="ungrounded price", detail=f"{price}: {sentence.strip()}")
        about = _called(shop, sources)
        if shop:
            elsewhere = menu_prices(sources) - amounts.of(about, [], compare=sources)
            for price in prices(sentence) & elsewhere:
                detail = f"{price} is not at {shop['name']}: {sentence.strip()}"
                yield Finding(kind="price of another shop", detail=detail)
        yield from _measures(sentence, about, sources, pages)


def _measures(
    sentence: str,
    about: Sequence[Mapping[str, Any]],
    sources: Sequence[Mapping[str, Any]],
    pages: Sequence[Mapping[str, Any]],
) -> Iterator[Finding]:
    """Minutes must be those of the shop spoken of; the other measures those of any shop shown."""
    said = sentence.strip()
    for minutes in walks(sentence):
        if minutes not in {s.get("walk_minutes") for s in about}:
            yield Finding(kind="ungrounded minutes", detail=said)
    for metres in distances(sentence):
        if not any(_within(metres, s.get("distance_m"), max(60, 0.1 * metres)) for s in sources):
            yield Finding(kind="ungrounded distance", detail=said)
    for hour, minute in clocks(sentence):
        if not {(hour, minute), ((hour + 12) % 24, minute)} & hours_of(sources, pages):
            yield Finding(kind="ungrounded hour", detail=said)
    for stars in ratings(sentence):
        if not any(_within(stars, p.get("rating"), 0.06) for p in pages):
            yield Finding(kind="ungrounded rating", detail=said)
    if percents(sentence):
        yield Finding(kind="ungrounded percent", detail=said)


def _names(
    asked: Asked, text: str, shown: Sequence[Mapping[str, Any]], known: Known
) -> Iterator[Finding]:
    """Shops named in the text: numbered items, and any name of the whole catalogue."""
    sources = [*shown, *asked.earlier]
    allowed = [s["name"] for s in sources]
    for found in _ITEM.finditer(text):
        if not any(_same(name, found[2]) for name in allowed):
            yield Finding(kind="unknown shop named", detail=found[2])
    excused = squash(
        " ".join([*allowed, asked.message, *(m["name"] for s in sources for m in s["menus"]),
                  *(s.get("address", "") for s in sources)])
    )  # fmt: skip
    rest = text
    for name in sorted(allowed, key=len, reverse=True):
        rest = rest.replace(name, "|")
    for name in known.names:
        if len(name) >= 4 and name in rest and squash(name) not in excused:
            yield Finding(kind="unknown shop named", detail=name)


def _claims(text: str, shown: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Sentences that say "the card works there" or "it is open" where that is not known."""
    plain = without_names(text, shown)
    for sentence, shop in sentences_with_shop(plain, shown):
        about = _called(shop, shown)
        if not about:
            continue
        if _CARD_WORKS.search(sentence) and not _CARD_DOUBT.search(sentence):
            wrong = [s["name"] for s in about if s["meal_card"] != "yes"]
            if wrong and (not shop or len(wrong) == len(about)):
                yield Finding(kind="card claimed, not known", detail=f"{wrong}: {sentence.strip()}")
        if _OPEN_NOW.search(sentence) and not _OPEN_DOUBT.search(sentence):
            wrong = [s["name"] for s in about if s.get("open_now") is not True]
            if wrong and len(wrong) == len(about):
                yield Finding(kind="open claimed, not known", detail=f"{wrong}: {sentence.strip()}")


def _prices_known(text: str, shown: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Say where a price is called unknown though the shop spoken of has one, or all of them have."""
    for sentence, shop in sentences_with_shop(without_names(text, shown), shown):
        if "값은 아직 몰라" in sentence:
            about = list(shown) if shop is None or "모두" in sentence else [shop]
            if any(s["menus"] for s in about):
                yield Finding(kind="price called unknown", detail=sentence.strip())


def _cheaper(
    text: str, shown: Sequence[Mapping[str, Any]], earlier: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """Say where "cheaper" is claimed of an answer whose cheapest price is not below all that was told before, or not known."""
    said = re.search(r"(?:^|[^가-힣])더 (?:싸요|싼 곳이에요|싸게)|아까보다[^.!?]*싸", text)
    now, before = menu_prices(shown), menu_prices(earlier or shown)
    if said and (not now or not before or min(now) >= max(before)):
        yield Finding(kind="cheaper claimed, not so", detail=f"{min(now, default=None)}: {said[0]}")


def _called(
    shop: Mapping[str, Any] | None, shops: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """Return the shops a name may mean, two branches of one name both; all where no shop is spoken of."""
    return shops if shop is None else [s for s in shops if s["name"] == shop["name"]]


def _same(name: str, said: str) -> bool:
    return squash(name) == squash(said)


def _within(said: float, value: object, tolerance: float) -> bool:
    return isinstance(value, int | float) and abs(said - value) <= tolerance
