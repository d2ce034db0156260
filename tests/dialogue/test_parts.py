import numpy as np

from naviyam.dialogue.finder import union
from naviyam.dialogue.place import locate, walk_minutes
from naviyam.dialogue.replies import nothing_fits
from naviyam.dialogue.shops import ShopNames
from naviyam.request import Filters, Place, RequestContext, UserProfile
from naviyam.search import Funnelled, Retrieved
from naviyam.settings import Places as PlaceSettings

NOBODY = UserProfile(user_id="u")


KNOWN = {
    "효자동": Place(name="효자동", latitude=37.8, longitude=127.7, radius_m=1, level="dong"),
    "춘천시": Place(name="춘천시", latitude=37.9, longitude=127.8, radius_m=1, level="sigungu"),
}


class Names:
    def resolve(self, name, *, near=None):
        return KNOWN.get(name)


def place_of(filters, context, profile=NOBODY, remembered=None):
    return locate(filters, context, profile, remembered, Names(), PlaceSettings())


def test_the_nearest_saying_of_where_wins(bench):
    now = bench.clock.now()
    bare = RequestContext(time=now)
    here = RequestContext(time=now, latitude=37.5, longitude=127.0, district="춘천시")
    home = UserProfile(user_id="u", district="춘천시")
    assert place_of(Filters(location="효자동"), here).place.name == "효자동"
    assert place_of(Filters(location="near_me"), here).place.level == "point"
    assert place_of(Filters(), RequestContext(time=now, district="춘천시")).place.name == "춘천시"
    assert place_of(Filters(), bare, home, "효자동").place.name == "효자동"
    assert place_of(Filters(), bare, home).place.name == "춘천시"
    assert place_of(Filters(), bare).place is None
    lost = place_of(Filters(location="없는동"), bare, home)
    assert (lost.place.name, lost.unresolved) == ("춘천시", "없는동")


def test_a_walk_is_rounded_up():
    assert [walk_minutes(d, PlaceSettings()) for d in (0, 51, 52, 400)] == [1, 1, 2, 8]


def test_the_union_keeps_both_scores_and_every_shop_once():
    retrieved = Retrieved(
        catalog_version="v", rows=np.array([4, 2], np.int32), scores=np.array([1, 0.5], np.float32)
    )
    funnelled = Funnelled(
        catalog_version="v",
        rows=np.array([2, 7], np.int32),
        scores=np.array([[0.1] * 4, [0.2] * 4], np.float32),
    )
    rows, rag, funnel = union(retrieved, funnelled)
    assert rows.tolist() == [4, 2, 7]
    assert rag.tolist() == [1, 0.5, 0]
    assert np.allclose(funnel[:, 0], [0, 0.1, 0.2])
    assert union(None, funnelled)[0].tolist() == [2, 7]
    assert len(union(None, None)[0]) == 0


def test_names_are_found_whole_in_part_and_never_a_bar(tiny):
    names = ShopNames(tiny)
    assert names.find("맛있는 치킨", None, NOBODY) == 0
    assert names.find("학교앞", None, NOBODY) == 1
    assert names.find("호프치킨", None, NOBODY) is None
    assert names.find("가", None, NOBODY) is None
    seoul = Place(name="종로구", latitude=37.57, longitude=126.98, radius_m=1, level="sigungu")
    assert names.find("맛있는치킨", seoul, NOBODY) is None


def test_nothing_fits_asks_at_most_two_questions():
    wishes = ("open_now", "location", "category", "exclude")
    assert nothing_fits(Filters(), wishes, place=None).count("?") == 2
    assert nothing_fits(Filters(), (), place=None).endswith("찾아볼까요?")
