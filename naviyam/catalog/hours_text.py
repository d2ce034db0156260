"""Reading opening hours from the free texts of public lists and workbooks.

What is not certain stays unknown: a day whose hours are ambiguous is None, and a text with words or digits that
are not understood gives no hours at all. Nothing is guessed (10:00~09:00 may be a typo for 21:00, or not).
"""

import re
import unicodedata
from dataclasses import dataclass, field

from naviyam.catalog.hours import DAY_MIN, LATEST_MIN, Day, Interval, WeekHours
from naviyam.errors import InputError

_ALL_DAY = "@24"
_WEEK = "월화수목금토일"
_LATEST_IMPLICIT_CLOSE = 360
_LONGEST_IMPLICIT_NIGHT = 960

_NORMALISE = (
    (r"[∼～〜–—−!]|-{1,2}", "~"),
    (r"(?<=\d)\s*[;:]+\s*(?=[\d.])", ":"),
    (r"(?<=[\d:])\.(?=\d)(?<!\d\d\.)", ""),
    (r"(?<=\d:)\.(?=\d)", ""),
    (r"(?<![~\d])24\s*(?:시간|hr|시(?=\s*(?:영업|운영|$)))", _ALL_DAY),
    (r"(\d{1,2})\s*시\s*(\d{2})\s*분?", r"\1:\2"),
    (r"(\d{1,2})\s*시(?!간)", r"\1:00"),
    (r"(?<![\d:])(\d{2})(\d{2})(?=~|$)|(?<=~)(\d{2})(\d{2})(?![\d:])", r"\1\3:\2\4"),
    (r"(?<![\d:])(\d{1,2})\s*~\s*(\d{1,2})(?::00)?(?![\d:월])", r"\1:00~\2:00"),
    (r"(?<![\d:])(\d{1,2})\s*~\s*(?=\d{1,2}:)", r"\1:00~"),
    (r"(\d{1,2}:0)(?!\d)", r"\g<1>0"),
    (r":?\s*~\s*:?\s*", "~"),
)
_HALF = re.compile(
    r"(am|pm|오전|오후|아침|저녁|밤|낮|새벽|익일\s*(?:새벽)?)\s*(\d{1,2})(?::(\d\d))?", re.I
)
_AFTER_MIDNIGHT = ("새벽", "익일")
_MORNING = ("am", "오전", "아침")
_UNREADABLE = re.compile(
    r"장날|하절기|동절기|유동|기간|커피|배달|백반|단체|[\d·]월|격월|월\s*\d\s*회|(?:매월|매달)\s*\d+(?:[·,]\d+)*일|그외"
)
_OPEN_ALL_YEAR = re.compile(r"(?:휴무일\s*:?\s*)?(?:연중\s*무휴|휴무일?\s*없음|무휴)")
_CLOSED = (
    re.compile(r"\(?\s*(?:정기\s*)?(?:휴무일|휴일|휴무)\s*:\s*(?P<body>[^()/]*)\)?"),
    re.compile(
        r"\(?(?P<body>(?:[가-힣\s,.·'/]|(?<!\d)[1-5](?![\d:])째?)*?)\s*(?:정기\s*)?(?:휴무|휴업)\)?"
    ),
    re.compile(r"/(?P<body>[^/~\d]*)$"),
)
_NTH = re.compile(
    r"첫째|둘째|셋째|세째|넷째|네째|넷쨰|다섯째|마지막|격주|[1-5]\s*,\s*[1-5]\s*(?:째|주)?|[1-5]\s*(?:째|주)"
)
_FEAST = re.compile(r"명절|설|추석|구정")
_HOLIDAY = re.compile(r"공휴일|국경일")
_FILLER = re.compile(
    r"매주|매월|매달|매|당일|연휴|전날|익일|여름휴가|휴가|날|요일|정기|예약시|관계없음|(?<=[째주])\s*주|주|및|과|와|은|는|[\s,.·'/():※~]+"
)
_TOKEN = re.compile(
    r"(?P<range>(\d{1,2}:\d\d)~(\d{1,2}:\d\d))|(?P<all>@24)|(?P<rest>브레이크\s*타임|break\s*time|중간\s*정비|휴게\s*시간)"
    r"|(?P<until>(\d{1,2}:\d\d)\s*까지)"
    r"|(?P<days>평일|주말|매일|토일|[월화수목금토일](?:요일)?(?:\s*[~,.·]?\s*[월화수목금토일](?:요일)?(?![가-힣]))*)",
    re.IGNORECASE,
)
_LAST_ORDER = re.compile(r"last\s*order\s*\d{1,2}:\d\d", re.IGNORECASE)
_HARMLESS = re.compile(
    r"재료\s*소진\s*시\s*마감|저녁\s*예약\s*(?:제|별도)?|사전\s*문의바람|예약제운영|영업\s*시간|영업|운영|오후|은|는|[\s,.·'/():※~]+",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Found:
    """What was read so far: hours by weekday, `default` for days not named."""

    default: list[Interval | None] = field(default_factory=list)
    by_day: dict[int, list[Interval | None]] = field(default_factory=dict)
    breaks: dict[int | None, list[Interval]] = field(default_factory=dict)


def parse_text(text: str) -> WeekHours | None:
    """Return the hours a free text states, None where it states none that are certain.

    >>> parse_text("am 11:00 ~ pm 10:00").days[0]
    ((660, 1320),)
    >>> parse_text("11:00~14:30, 일요일 휴무").days[5:]
    (((660, 870),), ())
    >>> parse_text("12:00~익일 01:00").days[0]
    ((720, 1500),)
    >>> parse_text("10:00~21:00(매월 둘째 일요일 휴무)").days[6] is None
    True
    >>> parse_text("x") is None
    True
    """
    if _UNREADABLE.search(text):
        return None
    open_part, always = _OPEN_ALL_YEAR.subn(" ", unicodedata.normalize("NFKC", text))
    bodies: list[str] = []
    for pattern in _CLOSED:
        for match in pattern.finditer(open_part):
            bodies.append(match["body"])
        open_part = pattern.sub(" ", open_part)
    found = _read_open(_normalise(open_part))
    if found is None:
        return None
    days = [_day(found, index) for index in range(7)]
    holiday: Day = _with_breaks(found.default, found.breaks.get(None, [])) if always else None
    feasts = False
    for body in bodies:
        closed = _read_closed(body)
        if closed is None:
            return None
        weekdays, certain = closed
        feasts = feasts or _FEAST.search(body) is not None
        holiday = () if _HOLIDAY.search(body) else holiday
        for index in weekdays:
            days[index] = () if certain else None
    if all(d is None for d in days):
        return None
    try:
        return WeekHours(
            days=tuple(days),
            holiday=None if feasts and holiday else holiday,
            closed_on_feasts=feasts,
        )
    except InputError:
        return None


def _normalise(text: str) -> str:
    for pattern, replacement in _NORMALISE:
        text = re.sub(pattern, replacement, text)
    text = _HALF.sub(_to_24_hours, text)
    return re.sub(r"\s*~\s*", "~", text)


def _to_24_hours(match: re.Match[str]) -> str:
    word, hour, minute = match[1].lower(), int(match[2]), int(match[3] or 0)
    if word.startswith(_AFTER_MIDNIGHT):
        hour += 24 if hour < 12 and match.string[: match.start()].rstrip().endswith("~") else 0
    elif word in _MORNING:
        hour = 0 if hour == 12 else hour
    elif hour < 12:
        hour += 12
    return f"{hour:02d}:{minute:02d}"


def _read_open(text: str) -> _Found | None:
    """Read ranges and the days they belong to; None where something is left that is not understood."""
    text = _LAST_ORDER.sub(" ", text)
    tokens = list(_TOKEN.finditer(text))
    if _HARMLESS.sub("", _TOKEN.sub(" ", text)):
        return None
    found = _Found()
    trailing = _days_trail(tokens, text)
    days: tuple[int, ...] | None = None
    resting = False
    for position, token in enumerate(tokens):
        if token["days"]:
            days, resting = _weekdays(token["days"]), False
            for index in () if trailing else days or ():
                found.by_day[index] = []
        elif token["rest"]:
            resting = True
        else:
            owner = _weekdays(_next_days(tokens, position)) if trailing else days
            _add(found, token, owner, resting=resting)
    return found


def _days_trail(tokens: list[re.Match[str]], text: str) -> bool:
    """Tell whether days stand in brackets after their hours: 11:00~19:00 (평일) 11:00~14:00 (토)."""
    kinds = [t.lastgroup for t in tokens if t["days"] or t["range"] or t["all"]]
    last = [t for t in tokens if t["days"]][-1:]
    bracketed = (
        bool(last)
        and text[: last[0].start()].rstrip().endswith("(")
        and text[last[0].end() :].lstrip().startswith(")")
    )
    return bracketed and bool(kinds) and not tokens[0]["days"] and bool(tokens[-1]["days"])


def _next_days(tokens: list[re.Match[str]], position: int) -> str:
    following = tokens[position + 1] if position + 1 < len(tokens) else None
    return following["days"] or "" if following is not None else ""


def _add(
    found: _Found, token: re.Match[str], days: tuple[int, ...] | None, *, resting: bool
) -> None:
    if token["until"]:
        start = found.default[0] if found.default else None
        interval = (
            _interval(start[0], _minute(token["until"].removesuffix("까지"))) if start else None
        )
    elif token["all"]:
        interval = (0, DAY_MIN)
    else:
        first, last = token["range"].split("~")
        interval = _interval(_minute(first), _minute(last))
    if resting:
        if interval is not None:
            for key in days or (None,):
                found.breaks.setdefault(key, []).append(interval)
        return
    for target in [found.by_day.setdefault(d, []) for d in days] if days else [found.default]:
        target.append(interval)


def _minute(text: str) -> int:
    hour, minute = text.strip().split(":")
    return int(hour) * 60 + int(minute) if int(minute) < 60 else LATEST_MIN + 1


def _interval(start: int, end: int) -> Interval | None:
    """Return a plausible opening; a close before the open is the next morning only within sane bounds."""
    if end <= start:
        night = end + DAY_MIN
        if end and (end > _LATEST_IMPLICIT_CLOSE or night - start > _LONGEST_IMPLICIT_NIGHT):
            return None
        end = night
    return (start, end) if start < DAY_MIN and start < end <= LATEST_MIN else None


def _weekdays(text: str) -> tuple[int, ...] | None:
    if text in ("", "매일"):
        return None
    text = text.replace("평일", "월~금").replace("주말", "토일").replace("요일", "")
    days: list[int] = []
    for match in re.finditer(rf"([{_WEEK}])(?:\s*~\s*([{_WEEK}]))?", text):
        first = _WEEK.index(match[1])
        last = _WEEK.index(match[2]) if match[2] else first
        days.extend(d % 7 for d in range(first, last + 1 + (7 if last < first else 0)))
    return tuple(days)


def _day(found: _Found, index: int) -> Day:
    intervals = found.by_day.get(index, found.default)
    breaks = found.breaks.get(
        index, found.breaks.get(None, []) if index not in found.by_day else []
    )
    return _with_breaks(intervals, breaks)


def _with_breaks(intervals: list[Interval | None], breaks: list[Interval]) -> Day:
    """Return the openings minus the breaks, in order; None where one of them is not known."""
    if not intervals or any(i is None for i in intervals):
        return None
    result = sorted(i for i in intervals if i is not None)
    for start, end in breaks:
        pieces = (p for a, b in result for p in ((a, min(b, start)), (max(a, end), b)))
        result = [(a, b) for a, b in pieces if a < b]
    return tuple(result)


def _read_closed(body: str) -> tuple[tuple[int, ...], bool] | None:
    """Return the weekdays a closing clause names and whether they are always closed; None if it is not understood."""
    rest = _HOLIDAY.sub(" ", _FEAST.sub(" ", body))
    rest, nth = _NTH.subn(" ", rest)
    weekdays = _weekdays(re.sub(r"매월|매달|당일|익일|요일|휴일", " ", rest)) or ()
    left = re.sub(rf"[{_WEEK}]", "", _FILLER.sub("", re.sub(r"매월|매달|당일|익일", "", rest)))
    if left or (nth and not weekdays):
        return None
    return weekdays, not nth
