from dataclasses import replace
from pathlib import Path

import pytest

from naviyam.catalog.gazetteer import Gazetteer
from naviyam.catalog.places import Radii, build_entries, read_centres
from naviyam.catalog.types import Shop
from naviyam.errors import ArtifactError, InputError

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "shops"
RADII = Radii(dong_m=1_500, station_m=800)
CHUNCHEON, JEONJU = (37.87, 127.74), (35.81, 127.13)
CENTRES = {
    ("sigungu", "서울특별시", "관악구", ""): (37.4783, 126.9516),
    ("dong", "서울특별시", "관악구", "봉천동"): (37.478, 126.953),
    ("dong", "서울특별시", "관악구", "신림동"): (37.463, 126.936),
    ("dong", "전북특별자치도", "전주시 완산구", "효자동"): JEONJU,
    ("sigungu", "전북특별자치도", "전주시 완산구", ""): JEONJU,
    ("dong", "경기도", "용인시 수지구", "고기동"): (37.35, 127.05),
}


def shops_in_chuncheon() -> list[Shop]:
    shop = Shop(
        shop_id="0",
        name="밥집",
        sido="강원특별자치도",
        sigungu="춘천시",
        dong="효자동",
        latitude=37.87,
        longitude=127.74,
    )
    return [replace(shop, shop_id=str(i)) for i in range(6)] + [
        replace(shop, shop_id="t", dong="퇴계동", latitude=37.86, longitude=127.728)
    ]


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer(build_entries(shops_in_chuncheon(), CENTRES, RADII))


@pytest.mark.parametrize(
    ("name", "level", "latitude"),
    [
        ("관악구", "sigungu", 37.4783), ("봉천동", "dong", 37.478), ("봉천", "dong", 37.478), ("신림역", "station", 37.4842),
        ("춘천 효자동", "dong", 37.87), ("춘천시 퇴계동", "dong", 37.86), ("춘천시퇴계동", "dong", 37.86),
        ("강원도 춘천시 효자동", "dong", 37.87), ("강원대", "station", 37.8693), ("강원대 후문", "station", 37.8693),
        ("석사동", "", 0.0), ("전주 효자동", "dong", 35.81), ("전주시", "sigungu", 35.81), ("퇴계동 근처", "dong", 37.86),
        ("부산역", "station", 35.1151), ("없는동네", "", 0.0), ("", "", 0.0),
    ],
)  # fmt: skip
def test_names_resolve(gazetteer: Gazetteer, name: str, level: str, latitude: float) -> None:
    place = gazetteer.resolve(name)
    if not level:
        assert place is None
    else:
        assert place is not None
        assert (place.level, place.latitude) == (level, pytest.approx(latitude, abs=1e-4))


def test_namesakes_follow_near_then_the_shops(gazetteer: Gazetteer) -> None:
    def latitude(name: str, near: tuple[float, float] | None) -> float:
        place = gazetteer.resolve(name, near=near)
        assert place is not None
        return place.latitude

    assert latitude("효자동", CHUNCHEON) == pytest.approx(37.87)
    assert latitude("효자동", JEONJU) == pytest.approx(35.81)
    assert latitude("효자동", None) == pytest.approx(37.87)


def test_a_qualifier_that_fits_nothing_resolves_to_nothing(gazetteer: Gazetteer) -> None:
    assert gazetteer.resolve("부산 효자동", near=CHUNCHEON) is None
    assert gazetteer.resolve("관악구 효자동") is None


def test_names_to_spot_hold_no_plain_words(gazetteer: Gazetteer) -> None:
    names = set(gazetteer.names())
    assert {"관악구", "봉천동", "신림역", "춘천", "효자", "홍대"} <= names
    assert "고기" not in names
    assert all(len(n) > 1 for n in names)


def test_it_survives_its_file(gazetteer: Gazetteer, tmp_path: Path) -> None:
    gazetteer.save(tmp_path)
    again = Gazetteer.load(tmp_path)
    assert list(again.names()) == list(gazetteer.names())
    assert again.resolve("춘천 효자동") == gazetteer.resolve("춘천 효자동")
    with pytest.raises(ArtifactError):
        Gazetteer.load(tmp_path / "nowhere")


def test_a_list_without_centres_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="emd_nm"):
        read_centres(path)


@pytest.mark.skipif(not DATA.is_dir(), reason="the public lists are not on this machine")
def test_real_centres() -> None:
    known = Gazetteer(build_entries([], read_centres(DATA / "legal_dong_centers.csv.gz"), RADII))
    for name, latitude in (
        ("봉천동", 37.478),
        ("춘천 효자동", 37.870),
        ("포항 효자동", 36.007),
        ("수원", 37.27),
        ("서울", 37.55),
    ):
        place = known.resolve(name)
        assert place is not None
        assert place.latitude == pytest.approx(latitude, abs=0.03)
    near_eunpyeong = known.resolve("신사동", near=(37.6, 126.91))
    assert near_eunpyeong is not None
    assert near_eunpyeong.latitude == pytest.approx(37.5956, abs=0.01)
