import csv
import gzip
import io
from pathlib import Path

import pytest

from naviyam.catalog.categories import kinds
from naviyam.catalog.merge import merge
from naviyam.catalog.public_lists import import_list
from naviyam.catalog.types import MealCard
from naviyam.errors import InputError

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "shops"
COLUMNS = [
    "shop_id",
    "name",
    "category",
    "sido",
    "sigungu",
    "address",
    "lat",
    "lng",
    "menus",
    "hours",
    "meal_card",
    "source",
]
GOOD = ("S1", "새싹통닭", "한식", "강원도", "춘천시", "강원도춘천시 퇴계로 97 (퇴계동)", "37.86", "127.73",
        '[{"name": "후라이드", "price": 9000}]', "10:00~22:00", "yes", "test")  # fmt: skip


def changed(**values: str) -> tuple[str, ...]:
    return tuple(values.get(c, v) for c, v in zip(COLUMNS, GOOD, strict=True))


def list_file(
    path: Path, *rows: tuple[str, ...], encoding: str = "utf-8", columns: list[str] | None = None
) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows([columns or COLUMNS, *rows])
    data = text.getvalue().encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    ("name", "encoding"), [("a.csv", "utf-8-sig"), ("a.csv", "cp949"), ("a.csv.gz", "utf-8")]
)
def test_encodings_and_compression(tmp_path: Path, name: str, encoding: str) -> None:
    shop = import_list(list_file(tmp_path / name, GOOD, encoding=encoding)).shops[0]
    assert (shop.name, shop.category, shop.meal_card) == ("새싹통닭", "치킨", MealCard.YES)
    assert (shop.sido, shop.sigungu, shop.dong) == ("강원특별자치도", "춘천시", "퇴계동")
    assert shop.address == "강원특별자치도 춘천시 퇴계로 97 (퇴계동)"
    assert shop.tags == ("한식", "치킨")
    assert "22:00" in shop.hours


def test_bad_rows_are_set_aside_and_counted(tmp_path: Path) -> None:
    near = [changed(shop_id=f"N{i}", name=f"밥집{i}") for i in range(3)]
    path = list_file(
        tmp_path / "list.csv",
        *near,
        changed(shop_id="far", lat="35.1", lng="129.0"),
        changed(shop_id="sea", lat="10", lng="20"),
        changed(shop_id="text", lat="north"),
        changed(shop_id="json", menus="[{"),
        changed(shop_id="none", name=" "),
        changed(shop_id="N0"),
        changed(
            shop_id="price",
            menus='[{"name": "밥", "price": 0}, {"name": "국", "price": 6000}, {"name": "탕(경로우대)", "price": 5000}]',
        ),
    )
    imported = import_list(path)
    assert [s.shop_id for s in imported.shops] == ["N0", "N1", "N2", "price"]
    assert [m.name for m in imported.menus if m.shop_id == "price"] == ["국"]
    reasons = imported.report.reasons()
    assert reasons["list.csv"] == {
        "coordinates outside Korea": 1,
        "coordinates are not numbers": 1,
        "menus are broken JSON": 1,
        "no name": 1,
        "coordinates far from the district": 1,
        "id comes twice": 1,
    }
    assert sum(reasons["list.csv:menus"].values()) == 2
    assert reasons["list.csv:menus"]["a price for the elderly"] == 1
    assert {i.row for i in imported.report.set_aside if i.reason == "no name"} == {9}


def test_an_unknown_header_names_what_was_found_and_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'colour'.*goodprice_2024"):
        import_list(list_file(tmp_path / "x.csv", columns=["name", "colour"]))


@pytest.mark.parametrize("data", [b"", b"\x1f\x8bbroken", b"\xff\xfe\x00\xd8"])
def test_unreadable_files_are_clear_errors(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(data)
    with pytest.raises(InputError, match="bad"):
        import_list(path)


@pytest.mark.parametrize(
    ("name", "raw", "menus", "category", "tag"),
    [
        ("명동닭갈비", "한식", [], "한식", None),
        ("오필승닭발", "한식", [], "한식", None),
        ("참맛 닭곰탕", "한식", [], "한식", None),
        ("교촌치킨 효자점", "일반대중음식", [], "치킨", "치킨"),
        ("코끼리김밥", "한식", [], "분식", "분식"),
        ("청년피자 춘천퇴계점", "패스트푸드", [], "패스트푸드", "피자"),
        ("파리바게뜨후평점", "제과", [], "베이커리", "베이커리"),
        ("씨유춘천퇴계점", "편의점", [], "편의점", None),
        ("청송숯불화로구이", "한식", ["돼지갈비(300g)"], "한식", "고기"),
        ("하루", "기타", ["돈가스"], "일식", "일식"),
        ("붕붕샐러드", "기타", [], "건강식", "건강식"),
        ("이름없음", "마트·식품", [], "기타", None),
    ],
)
def test_kinds(name: str, raw: str, menus: list[str], category: str, tag: str | None) -> None:
    found = kinds(name, raw, menus)
    assert found.category == category
    assert tag is None or tag in found.tags
    assert "치킨" not in found.tags or tag == "치킨"


def test_the_same_shop_of_two_lists_becomes_one(tmp_path: Path) -> None:
    first = import_list(list_file(tmp_path / "a.csv", changed(meal_card="unknown", hours="")))
    other = (
        changed(
            shop_id="B1",
            name="새싹 통닭",
            lat="",
            lng="",
            menus='[{"name": "반 마리", "price": 5000}]',
        ),
        changed(shop_id="B2", lat="", lng="", address="강원도 춘천시 석사로 1"),
    )
    second = import_list(list_file(tmp_path / "b.csv", *other))
    merged = merge([first, second])
    assert [s.shop_id for s in merged.shops] == ["S1", "B2"]
    assert merged.shops[0].meal_card is MealCard.YES
    assert "22:00" in merged.shops[0].hours
    assert sorted(m.name for m in merged.menus if m.shop_id == "S1") == ["반 마리", "후라이드"]
    assert merged.report.read == {"a.csv": 1, "a.csv:menus": 1, "b.csv": 2, "b.csv:menus": 2}


@pytest.mark.skipif(not DATA.is_dir(), reason="the public lists are not on this machine")
@pytest.mark.parametrize(
    "path", sorted(p for p in DATA.glob("*.csv.gz") if "dong" not in p.name), ids=lambda p: p.name
)
def test_real_lists_lose_nothing_silently(path: Path) -> None:
    imported = import_list(path)
    for table, read in imported.report.read.items():
        aside = sum(i.table == table for i in imported.report.set_aside)
        assert read == imported.report.kept[table] + aside, table
    assert len(imported.shops) > 0.9 * imported.report.read[path.name]
    assert imported.report.unknown_columns == {path.name: ()}
    sidos = {s.sido for s in imported.shops}
    assert not sidos & {"강원도", "전라북도"}
