from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naviyam.catalog.hours import HoursTable, WeekHours, every_day, parse_json, to_json
from naviyam.catalog.hours_text import parse_text
from naviyam.clock import SEOUL
from naviyam.errors import InputError


def seoul(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=SEOUL)


def states(hours: WeekHours | None, *moments: datetime) -> list[int]:
    table = HoursTable([to_json(hours)])
    return [int(table.open_now(m)[0]) for m in moments]


@pytest.mark.parametrize(
    ("text", "monday", "sunday"),
    [
        ("am 11:00 ~ pm 10:00", ((660, 1320),), ((660, 1320),)),
        ("10:00∼20:00", ((600, 1200),), ((600, 1200),)),
        ("11:00~14:30, 일요일 휴무", ((660, 870),), ()),
        ("12:00~익일 01:00", ((720, 1500),), ((720, 1500),)),
        ("24시간 (휴무일 : 명절)", ((0, 1440),), ((0, 1440),)),
        ("평일:15:00-22:00주말:09:00-22:00", ((900, 1320),), ((540, 1320),)),
        ("10:00~21:00(매월 둘째 일요일 휴무)", ((600, 1260),), None),
        ("10:30~11:30", ((630, 690),), ((630, 690),)),
        ("15:00~01:00", ((900, 1500),), ((900, 1500),)),
        ("11:00-14:0017:00-21:30", ((660, 840), (1020, 1290)), ((660, 840), (1020, 1290))),
        (
            "06:00~익일02:00(중간정비 10:00~15:00)",
            ((360, 600), (900, 1560)),
            ((360, 600), (900, 1560)),
        ),
        ("11:00~19:00 (평일) 11:00~14:00 (토요일)", ((660, 1140),), None),
        ("am 8:30 ~ pm 10:00 (일요일 오후 영업)", ((510, 1320),), None),
        ("10:00~22:00토 10:00~17:00(일 휴무)", ((600, 1320),), ()),
        ("오후2시~24시", ((840, 1440),), ((840, 1440),)),
        ("11:00~22:00(목 휴무)", ((660, 1320),), ((660, 1320),)),
    ],
)
def test_public_texts_are_read(text: str, monday: object, sunday: object) -> None:
    hours = parse_text(text)
    assert hours is not None
    assert (hours.days[0], hours.days[6]) == (monday, sunday)


@pytest.mark.parametrize(
    "text",
    ["x", "○", "", "10:00~09:00", "11:00~11:00", "10:30:20:30", "06:010~14:00", "10:00~재료소진시까지",
     "12:30~23:00 / 월 2회(휴무일 유동적)", "11시~20시매달 15일 휴무", "15:00~12:00", "12:99~13:00"],
)  # fmt: skip
def test_nonsense_is_unknown_and_never_guessed(text: str) -> None:
    assert parse_text(text) is None


@given(st.text(alphabet="0123456789:~-시분월화일휴무매주 ()/,.익새벽오후ampx", max_size=40))
def test_any_text_is_read_or_unknown(text: str) -> None:
    hours = parse_text(text)
    assert hours is None or parse_json(to_json(hours)) == hours


def test_closing_after_midnight_belongs_to_the_evening_before() -> None:
    hours = WeekHours(days=((), (), (), (), ((1080, 1560),), (), ()))  # only Friday 18:00 to 02:00
    assert states(hours, seoul(20, 23), seoul(21, 1, 59), seoul(21, 2), seoul(21, 19)) == [
        1,
        1,
        0,
        0,
    ]
    table = HoursTable([to_json(hours)])
    assert table.closes_at(0, seoul(21, 1)) == "02:00"
    assert table.closes_at(0, seoul(21, 12)) is None


def test_breaks_and_unknown_days() -> None:
    hours = WeekHours(days=(((660, 900), (1020, 1260)),) * 5 + (None, ()))
    assert states(
        hours, seoul(20, 12), seoul(20, 15), seoul(20, 17), seoul(21, 12), seoul(22, 12)
    ) == [1, 0, 1, -1, 0]
    assert HoursTable([to_json(hours)]).closes_at(0, seoul(20, 12)) == "15:00"


def test_an_unknown_yesterday_may_still_be_open_in_the_small_hours() -> None:
    hours = WeekHours(days=((), (), (), (), None, (), ()))
    assert states(hours, seoul(21, 1), seoul(21, 9)) == [-1, 0]


def test_holidays_are_unknown_unless_stated() -> None:
    children_day = seoul(5, 12, month=5)
    plain = every_day((600, 1200))
    feast_closed = WeekHours(days=plain.days, closed_on_feasts=True)
    shut = WeekHours(days=plain.days, holiday=())
    assert [states(h, children_day)[0] for h in (plain, feast_closed, shut)] == [-1, 1, 0]
    chuseok = seoul(25, 12, month=9)
    assert [states(h, chuseok)[0] for h in (plain, feast_closed, shut)] == [-1, 0, 0]
    assert states(plain, seoul(25, 23, month=9)) == [0]


def test_round_the_clock_has_no_closing_time_and_unknown_stays_unknown() -> None:
    table = HoursTable([to_json(every_day((0, 1440))), ""])
    assert table.open_now(seoul(20, 3)).tolist() == [1, -1]
    assert table.closes_at(0, seoul(20, 3)) is None
    assert table.hours_per_day()[0] == 24
    assert str(table.hours_per_day()[1]) == "nan"


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"mon": [["9", "x"]]}', '{"someday": []}', '{"mon": [["12:00", "09:00"]]}']
)
def test_broken_json_names_the_field(text: str) -> None:
    with pytest.raises(InputError) as e:
        parse_json(text)
    assert e.value.field == "hours"
