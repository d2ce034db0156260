"""The sample workbook: about 30 sheets of an invented town, as the app would export them. Seeded; says it is simulated."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from naviyam.catalog.sheets import Sheet, write_sheets
from naviyam.catalog.types import Menu, Shop
from naviyam.catalog.workbook_export import export_sheets
from naviyam.clock import SEOUL
from naviyam.request import UserProfile
from naviyam.simulation.behavior import simulate_behavior
from naviyam.simulation.counts import with_counts
from naviyam.simulation.names import REVIEWS
from naviyam.simulation.shops import SHOPS, sample_shops

USERS = 300
_NICKNAMES = (
    "코끼리",
    "다람쥐",
    "고래",
    "햇님",
    "달님",
    "별님",
    "구름",
    "민트",
    "젤리",
    "쿠키",
    "수박",
    "딸기",
)


def write_sample(
    path: Path, *, seed: int, now: datetime, shops: int = SHOPS, users: int = USERS
) -> dict[str, int]:
    """Write the sample workbook and return the number of rows of each sheet."""
    sheets = sample_sheets(seed=seed, now=now, shops=shops, users=users)
    write_sheets(path, sheets)
    return {name: len(sheet.rows) for name, sheet in sheets.items()}


def sample_sheets(
    *, seed: int, now: datetime, shops: int = SHOPS, users: int = USERS
) -> dict[str, Sheet]:
    """Return the sheets of the sample workbook; the same seed and time give the same sheets."""
    rng = random.Random(seed)
    plain, menus = sample_shops(rng, count=shops)
    people, events = simulate_behavior(plain, menus, now=now, seed=seed, users=users)
    counted = with_counts(plain, events, ratings=True)
    sheets = export_sheets(counted, menus, people, events)
    sheets["review"] = _with_texts(sheets["review"], menus, rng)
    sheets["user"] = _with_nicknames(sheets["user"], rng)
    info = sheets["dataset_info"]
    rows = (*info.rows, ("seed", str(seed)), ("generatedAt", now.isoformat()))
    sheets["dataset_info"] = Sheet(columns=info.columns, rows=rows)
    return sheets | _other_sheets(counted, menus, people, now, rng)


def _with_texts(reviews: Sheet, menus: Sequence[Menu], rng: random.Random) -> Sheet:
    dishes: dict[str, list[str]] = {}
    for menu in menus:
        dishes.setdefault(menu.shop_id, []).append(menu.name)
    stars, shop = reviews.columns.index("rating"), reviews.columns.index("shopId")
    rows = tuple(
        (*row, rng.choice(REVIEWS[row[stars]]).format(menu=rng.choice(dishes[row[shop]])))
        for row in reviews.rows
    )
    return Sheet(columns=(*reviews.columns, "content"), rows=rows)


def _with_nicknames(users: Sheet, rng: random.Random) -> Sheet:
    rows = tuple((*row, f"{rng.choice(_NICKNAMES)}{rng.randint(1, 99)}") for row in users.rows)
    return Sheet(columns=(*users.columns, "nickname"), rows=rows)


def _other_sheets(
    shops: Sequence[Shop],
    menus: Sequence[Menu],
    users: Sequence[UserProfile],
    now: datetime,
    rng: random.Random,
) -> dict[str, Sheet]:
    """Return the sheets of the app that teach nothing, so that the importer meets them."""
    today = now.astimezone(SEOUL).replace(tzinfo=None, microsecond=0)

    def table(columns: str, count: int, row: Callable[[int], tuple[Any, ...]]) -> Sheet:
        return Sheet(
            columns=tuple(columns.split()), rows=tuple(row(i) for i in range(1, count + 1))
        )

    def day(i: int) -> datetime:
        return today - timedelta(days=i)

    names = ("우유", "달걀", "밀", "땅콩", "대두", "새우", "메밀", "생선", "조개", "팥")
    notices = (
        "새 가게가 들어왔어요",
        "명절에는 문을 닫는 곳이 많아요",
        "앱이 더 빨라졌어요",
        "리뷰를 남겨 주세요",
    )
    questions = (
        "가게는 어떻게 찾나요?",
        "영업시간이 달라요",
        "즐겨찾기는 어디 있나요?",
        "메뉴가 없어졌어요",
    )
    # fmt: off
    return {
        "product": table("id menuId productName price", min(200, len(menus)), lambda i: (i, menus[i - 1].menu_id, menus[i - 1].name, menus[i - 1].price_won)),
        "coupon": table("id couponName discountValue expiresAt", 12, lambda i: (i, f"{i * 500}원 할인", i * 500, today + timedelta(days=30 * i))),
        "user_coupon": table("id userId couponId used", len(users) // 3, lambda i: (i, users[3 * i - 3].user_id, rng.randint(1, 12), rng.choice("YN"))),
        "notice": table("id title createdAt", len(notices), lambda i: (i, notices[i - 1], day(7 * i))),
        "banner": table("id title link", 3, lambda i: (i, f"배너 {i}", f"/event/{i}")),
        "faq": table("id question answer", len(questions), lambda i: (i, questions[i - 1], "고객센터로 알려 주세요.")),
        "inquiry": table("id userId title createdAt", min(10, len(users)), lambda i: (i, users[i - 1].user_id, "문의합니다", day(i))),
        "event": table("id title startAt endAt", 4, lambda i: (i, f"{i}월 이벤트", day(10 * i), day(10 * i - 9))),
        "keyword": table("id keyword", 5, lambda i: (i, ("떡볶이", "치킨", "돈까스", "짜장면", "빵")[i - 1])),
        "tag": table("id tag", 4, lambda i: (i, ("혼밥", "친구랑", "조용한", "넓은")[i - 1])),
        "holiday": table("id name date", 3, lambda i: (i, ("설날", "어린이날", "추석")[i - 1], ("02-17", "05-05", "09-25")[i - 1])),
        "allergen": table("id name", len(names), lambda i: (i, names[i - 1])),
        "payment_method": table("id name", 3, lambda i: (i, ("카드", "현금", "상품권")[i - 1])),
        "app_version": table("id platform version", 2, lambda i: (i, ("android", "ios")[i - 1], "3.2.0")),
        "terms": table("id title version", 2, lambda i: (i, ("이용약관", "개인정보 처리방침")[i - 1], "1.4")),
        "push_message": table("id title sentAt", 5, lambda i: (i, "오늘 뭐 먹을까요?", day(i))),
        "search_log": table("id keyword count", 5, lambda i: (i, ("김밥", "치킨", "피자", "우동", "라면")[i - 1], 400 - 60 * i)),
        "shop_image": table("id shopId url", min(50, len(shops)), lambda i: (i, shops[i - 1].shop_id, f"/images/{shops[i - 1].shop_id}.jpg")),
    }
    # fmt: on
