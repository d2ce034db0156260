from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from naviyam.catalog.sheets import Sheet, read_sheets, write_sheets
from naviyam.catalog.workbook import import_sheets, import_workbook
from naviyam.catalog.workbook_export import export_sheets
from naviyam.errors import InputError
from naviyam.simulation.workbook import sample_sheets, write_sample

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)


def small_book(**changes: Sheet) -> dict[str, Sheet]:
    sheets = {
        "shop": Sheet(
            columns=(
                "id",
                "shopName",
                "category",
                "latitude",
                "longitude",
                "openHour",
                "isGoodInfluenceShop",
                "zodiac",
            ),
            rows=(
                (1, "새싹김밥", "분식", 37.48, 126.93, "10:00~20:00", "Y", "쥐"),
                (2, None, "한식", None, None, None, None, None),
                (3, "별밥", "한식", 137.0, 126.9, None, "N", None),
            ),
        ),
        "menu": Sheet(
            columns=("shopId", "menu_name", "price", "isBest"),
            rows=(
                (1, "김밥", "3,500원", "Y"),
                (1, "라면", 0, "N"),
                (9, "밥", 5_000, "N"),
                (1, "쫄면", 5_500.0, "maybe"),
            ),
        ),
    }
    return sheets | changes


def test_bad_rows_are_set_aside_with_sheet_line_and_reason() -> None:
    imported = import_sheets(small_book())
    assert [s.name for s in imported.shops] == ["새싹김밥"]
    assert [(m.name, m.price_won) for m in imported.menus] == [("김밥", 3_500)]
    found = {(i.table, i.row): i.reason for i in imported.report.set_aside}
    assert found[("shop", 3)] == "shopName is empty"
    assert "latitude" in found[("shop", 4)]
    assert "price" in found[("menu", 3)]
    assert "no shop" in found[("menu", 4)]
    assert "isBest" in found[("menu", 5)]
    assert imported.shops[0].is_good_influence_shop
    assert '"mon":[["10:00","20:00"]]' in imported.shops[0].hours
    for table, read in imported.report.read.items():
        aside = sum(i.table == table for i in imported.report.set_aside)
        assert read == imported.report.kept[table] + aside


def test_unknown_sheets_and_columns_are_reported() -> None:
    report = import_sheets(
        small_book(stars=Sheet(columns=("a",), rows=()), notice=Sheet(columns=("id",), rows=()))
    ).report
    assert report.unknown_tables == ("stars",)
    assert report.unused_tables == ("notice",)
    assert report.unknown_columns == {"shop": ("zodiac",)}
    assert report.to_dict()["set_aside"]["menu"]


def test_a_missing_sheet_or_column_is_named() -> None:
    sheets = small_book()
    del sheets["menu"]
    with pytest.raises(InputError, match=r"'menu'.*\['shop'\]"):
        import_sheets(sheets)
    with pytest.raises(InputError, match="shopName"):
        import_sheets(small_book(shop=Sheet(columns=("id",), rows=())))


@pytest.mark.parametrize("content", [b"", b"no workbook", b"PK\x03\x04broken"])
def test_a_file_that_is_no_workbook_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.xlsx"):
        import_workbook(path)
    with pytest.raises(InputError, match="absent"):
        import_workbook(tmp_path / "absent.xlsx")


def test_nothing_is_recorded_of_users_without_consent() -> None:
    when = datetime(2026, 11, 1, 12)  # noqa: DTZ001 - Excel has no zones
    book = small_book(
        user=Sheet(columns=("id", "age", "consent"), rows=(("u1", 10, "Y"), ("u2", 11, "N"))),
        product_order=Sheet(
            columns=("userId", "shopId", "totalPrice", "createdAt", "status"),
            rows=(
                ("u1", 1, 5_000, when, "DONE"),
                ("u2", 1, 5_000, when, "DONE"),
                ("u1", 1, 5_000, when, "CANCELLED"),
            ),
        ),
    )
    imported = import_sheets(book)
    assert imported.events is not None
    assert len(imported.events) == 1
    assert not imported.events.simulated


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_export_and_import_keep_every_shop_menu_user_and_event(seed: int) -> None:
    first = import_sheets(sample_sheets(seed=seed, now=NOW, shops=60, users=15))
    assert first.report.set_aside == ()
    assert len(first.shops) == 60
    assert first.events is not None
    again = import_sheets(export_sheets(first.shops, first.menus, first.users, first.events))
    assert again.shops == first.shops
    assert again.menus == first.menus
    assert again.users == first.users
    assert again.events is not None
    assert again.events.simulated
    assert again.events.time.tolist() == first.events.time.tolist()
    assert sorted(again.events.shop.tolist()) == sorted(first.events.shop.tolist())


def test_the_sample_file_has_the_apps_sheets_and_survives_excel(tmp_path: Path) -> None:
    path = tmp_path / "sample_data.xlsx"
    rows = write_sample(path, seed=5, now=NOW, shops=40, users=8)
    assert len(rows) >= 30
    names = openpyxl.load_workbook(path, read_only=True).sheetnames
    for name in ("shop", "menu", "review", "user", "userfavorite", "product_order", "brand", "product", "coupon",
                 "category", "district", "opening_hours", "notice"):  # fmt: skip
        assert name in names
    imported = import_workbook(path)
    direct = import_sheets(sample_sheets(seed=5, now=NOW, shops=40, users=8))
    assert imported.shops == direct.shops
    assert imported.menus == direct.menus
    assert imported.report.unknown_tables == ()
    assert imported.report.unknown_columns == {}


def test_excel_times_and_breaks_are_read(tmp_path: Path) -> None:
    hours = Sheet(
        columns=("shopId", "dayOfWeek", "openTime", "closeTime", "breakStart", "breakEnd", "isClosed"),
        rows=((1, "월", "10:00", "02:00", "15:00", "17:00", "N"), (1, "화요일", None, None, None, None, "Y"),
              (1, "수", "10:00", "12:00", "13:00", "14:00", "N")),
    )  # fmt: skip
    path = tmp_path / "book.xlsx"
    write_sheets(path, small_book(opening_hours=hours))
    imported = import_sheets(read_sheets(path))
    assert imported.shops[0].hours == '{"mon":[["10:00","15:00"],["17:00","26:00"]],"tue":[]}'
    assert [i.row for i in imported.report.set_aside if i.table == "opening_hours"] == [4]
    assert replace(imported.shops[0], hours="") != imported.shops[0]
