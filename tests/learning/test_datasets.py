"""What may be learned from, and what must never be: real logs on disk, made into sets by the program's own run."""

import asyncio
import json
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from naviyam import versions
from naviyam.clock import SEOUL
from naviyam.dialogue.sqlite_state import SqliteProfiles
from naviyam.learning.rebuild import write_request
from naviyam.learning.used import UsedLedger
from naviyam.nlg.brief import realise, slot_values
from naviyam.nlg.prompt import END, build_prompt
from naviyam.request import Intent, UserProfile
from training.datasets.read import find_set, read_ranker

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=SEOUL)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def fill(world, count: int = 10, **more: object) -> None:
    """Log good conversations of one user, an hour apart, the oldest first."""
    for i in range(count):
        ago = DAY - HOUR * i
        world.answer(f"i{i:02d}", ago=ago, **more)
        world.feedback(f"i{i:02d}", ago=ago - timedelta(minutes=5))


def cards(made):
    return {
        name: json.loads((Path(told["folder"]) / "card.json").read_text())
        for name, told in made.items()
    }


def test_a_good_conversation_becomes_the_prompt_that_served_and_the_sentences_it_got(world):
    fill(world, 9)
    world.answer("i09", ago=HOUR, message="더 싼 데는?", cheaper_by_won=1_500)
    world.feedback("i09", ago=HOUR / 2)
    records = list(world.queued["interactions"])
    world.write()
    told = world.make("nlg")["nlg"]
    assert (told["rows"], told["train"], told["test"], told["simulated"]) == (10, 8, 2, False)
    by_id = {r["interaction_id"]: r for part in ("train", "test") for r in world.rows(told, part)}
    for record in records:
        request = write_request(record, world.catalog)
        sample = by_id[record["interaction_id"]]
        assert sample["prompt"] == build_prompt(request)
        assert sample["completion"].endswith(END)
        said = realise(sample["completion"].removesuffix(END), slot_values(request))
        assert request.recommendations[0].name in said
        assert request.recommendations[0].name not in sample["completion"]
    assert "\ncheaper @0 $9\n" in by_id["i09"]["prompt"]
    assert "$9" in by_id["i09"]["completion"]


def test_who_was_deleted_or_agreed_to_nothing_is_in_no_set(world):
    fill(world)
    for i, user in ((21, "u_gone"), (22, "u_silent"), (23, "u_later"), (24, "u_told")):
        world.answer(f"i{i}", user)
        world.feedback(f"i{i}", user=user)
    world.write()
    world.forget("u_gone")
    world.write()
    profiles = SqliteProfiles(world.root / "profiles.db", lambda _: None)
    asyncio.run(profiles.put(UserProfile(user_id="u_later", consent=False)))
    asyncio.run(profiles.put(UserProfile(user_id="u_told")))
    profiles.close()
    made = world.make("nlg", "nlu", "ranker")
    for told in made.values():
        ids = {r["interaction_id"] for part in ("train", "test") for r in world.rows(told, part)}
        assert ids == {f"i{i:02d}" for i in range(10)} | {"i24"}
    card = json.loads((Path(made["nlg"]["folder"]) / "card.json").read_text())
    assert card["dropped"] == {"no_consent": 2}


def test_who_was_forgotten_and_returned_is_learned_of_as_the_stranger_that_was_served(world):
    world.forget("u_1")
    for i in range(10):
        user = f"u_{i % 2}"
        world.answer(f"i{i:02d}", user, ago=-HOUR * (1 + i))
        world.feedback(f"i{i:02d}", user=user, ago=-HOUR * (1.5 + i))
    world.write()
    told = world.make("ranker", now=NOW + DAY)["ranker"]
    found = read_ranker(Path(told["folder"]))
    assert set(found.train.user_ids) | set(found.test.user_ids) == {"u_0", "u_1-new"}


def test_what_is_no_good_conversation_is_counted_and_left_out(world):
    cases = (
        ("slower_than_limit", {"seconds": 3.2}, {}),
        ("satisfaction_below_limit", {}, {"stars": 3.0}),
        ("not_rated", {}, {"stars": None}),
        ("nothing_chosen", {}, {"rank": 4}),
        ("not_rated", {}, {"user": "u_other"}),
        ("not_rated", {"ago": 6 * DAY}, {}),
        ("safety_turn", {"intent": Intent.HELP_NEEDED}, {}),
        ("personal_data", {"message": "떡볶이 먹고 싶어 내 번호 010-1234-5678"}, {}),
        ("personal_data", {"message": "떡볶이 먹고 싶어 나는 3학년 2반이야"}, {}),
        ("question_fault", {"message": "시발 떡볶이 줘"}, {}),
    )
    fill(world)
    for i, (_, answer, feedback) in enumerate(cases, start=30):
        world.answer(f"i{i}", **answer)
        world.feedback(f"i{i}", **feedback)
    world.answer("i50", ago=8 * DAY)  # before the window
    world.feedback("i50", ago=7.9 * DAY)
    world.answer("i51")
    world.queued["interactions"][-1]["response"] += " 참새분식5호는 900원이에요."
    world.feedback("i51")
    world.write()
    told = world.make("nlg")["nlg"]
    card = json.loads((Path(told["folder"]) / "card.json").read_text())
    ids = {r["interaction_id"] for part in ("train", "test") for r in world.rows(told, part)}
    assert ids == {f"i{i:02d}" for i in range(10)}
    assert card["dropped"] == Counter(c[0] for c in cases) | Counter(second_opinion_fault=1)


def test_a_request_that_failed_is_no_answer_to_learn_from(world):
    fill(world, 10)
    world.write()
    before = cards(world.make("ranker", "nlg"))
    shutil.rmtree(world.settings.paths.state / "datasets")
    for i in range(5):
        world.fail(f"i{70 + i}")
        world.feedback(f"i{70 + i}")
    world.write()
    assert cards(world.make("ranker", "nlg")) == before
    assert before["nlg"]["answers"] == 10


def test_nothing_is_used_twice_in_a_role_and_too_little_uses_nothing(world):
    fill(world)
    world.write()
    first = world.make("nlg")["nlg"]
    for i in range(3):
        world.answer(f"i4{i}", ago=HOUR * (5 - i))
        world.feedback(f"i4{i}", ago=HOUR / 2)
    world.write()
    later = NOW + HOUR
    assert "used_before 10" in world.make("nlg", now=later)["nlg"]["skipped"]
    world.answer("i49", ago=HOUR)
    world.feedback("i49", ago=HOUR / 2)
    world.write()
    shutil.rmtree(first["folder"])  # what was used stays used when an old set is cleaned up
    second = world.make("nlg", now=later + HOUR)["nlg"]
    ids = {r["interaction_id"] for part in ("train", "test") for r in world.rows(second, part)}
    assert ids == {"i40", "i41", "i42", "i49"}
    assert world.make("nlu", now=later)["nlu"]["rows"] == 14  # another role


@pytest.mark.slow
def test_the_same_log_and_time_give_the_same_bytes_also_after_a_kill(world, monkeypatch):
    fill(world)
    world.write()
    first = world.make("ranker")
    assert world.make("ranker") == first
    shutil.rmtree(first["ranker"]["folder"])  # its own ids do not count against it
    assert world.make("ranker") == first
    shutil.rmtree(world.root / "datasets")
    killed = RuntimeError("killed")

    def die(*_):
        raise killed

    # Between the set and the ledger, then between the folder and the pointer, then within the folder.
    for owner, name in ((UsedLedger, "settle"), (versions, "set_current"), (versions, "_fsync")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, die)
            with pytest.raises(RuntimeError, match="killed"):
                world.make("ranker")
        assert world.make("ranker")["ranker"] == first["ranker"]
        assert UsedLedger(world.root / "datasets").before("ranker", "9") == {
            f"i{i:02d}" for i in range(10)
        }
        shutil.rmtree(world.root / "datasets")


def test_no_leak_over_the_cut(world):
    """Look for one: an answer in both parts, a user's later answer before the cut, a choice the past could not know."""
    for i in range(10):
        ago = DAY - HOUR * i
        world.answer(f"i{i:02d}", user=f"u_{i % 2}", ago=ago)
        world.feedback(f"i{i:02d}", user=f"u_{i % 2}", ago=ago - timedelta(minutes=5), rank=2)
    world.feedback("i01", "ordered", "u_1", rank=1, ago=HOUR)  # long after the cut
    world.answer("i90", ago=DAY - HOUR / 2)
    world.feedback("i90", rank=3, ago=HOUR)  # known only after the cut
    world.write()
    folder = Path(world.make("ranker")["ranker"]["folder"])
    found = read_ranker(folder)
    assert not set(found.train.interaction_ids) & set(found.test.interaction_ids)
    assert found.train.time.max() < found.test.time.min()
    assert "i90" not in found.train.interaction_ids
    of_i01 = found.train.interaction_ids == "i01"
    assert found.train.label[of_i01].tolist() == [1, 0]
    assert (
        1 not in found.train.rank[of_i01]
    )  # the later order makes it neither liked nor passed over
    card = found.card["dropped"]
    assert card["positive_chosen_after_the_cut"] == 2
    assert card["answer_known_only_after_the_cut"] == 1
    told = world.make("nlg")["nlg"]
    train, test = (world.rows(told, part) for part in ("train", "test"))
    assert max(r["time"] for r in train) < min(r["time"] for r in test)
    assert not {(r["prompt"], r["completion"]) for r in train} & {
        (r["prompt"], r["completion"]) for r in test
    }


def test_late_feedback_on_old_answers_does_not_judge_by_what_the_champion_learned(world):
    def answers(numbers, ago):
        for i in numbers:
            world.answer(f"i{i:02d}", ago=ago - HOUR * i)
            world.feedback(f"i{i:02d}", ago=ago - HOUR * i - timedelta(minutes=5))

    answers(range(10), DAY)
    world.write()
    first = world.make("ranker")["ranker"]
    champion = world.settings.paths.models / "ranker"

    def write(folder: Path) -> None:
        (folder / "model.json").write_text(json.dumps({"dataset_hash": first["hash"]}))

    versions.publish(champion, "v1", write)
    for i in range(20, 40):  # shown long ago, chosen only now, but within the time
        world.answer(f"i{i:02d}", ago=DAY * 1.5 - HOUR * (i - 20) / 2)
        world.feedback(f"i{i:02d}", ago=-HOUR)
    answers((90, 91), timedelta(0))
    world.write()
    told = world.make("ranker", now=NOW + 5 * DAY)["ranker"]
    cut = json.loads((Path(first["folder"]) / "card.json").read_text())["cut_us"]
    learned = {r["interaction_id"] for r in world.rows(first, "train")}
    test = world.rows(told, "test")
    assert test
    assert not {r["interaction_id"] for r in test} & learned
    assert min(r["time"] for r in test).timestamp() * 1e6 >= cut


def test_ranker_samples_have_the_features_as_served_and_the_weights_of_what_was_done(world):
    for i in range(8):
        world.answer(f"i{i:02d}", ago=DAY - HOUR * i, simulated=True)
    for i, kind in enumerate(("clicked", "favorited", "ordered", "rated")):
        world.feedback(f"i{i:02d}", kind, rank=1)
        world.feedback(f"i{i:02d}", "clicked", rank=1)
    world.feedback("i04", "rated", stars=3.0)
    world.feedback("i05", rank=3)
    for i in (6, 7):
        world.feedback(f"i{i:02d}", ago=HOUR)
    world.write()
    told = world.make("ranker")["ranker"]
    found = read_ranker(Path(told["folder"]))
    train = found.train
    assert told["simulated"]
    weight = {
        (a, r): (label, round(w, 3))
        for a, r, label, w in zip(
            train.interaction_ids,
            train.rank.tolist(),
            train.label.tolist(),
            train.weight.tolist(),
            strict=True,
        )
    }
    assert [weight[f"i0{i}", 1] for i in range(4)] == [(1, 1.0), (1, 1.5), (1, 2.0), (1, 1.0)]
    assert (weight["i00", 2], weight["i00", 3]) == ((0, 1.5), (0, 1.0))  # hard above .8
    assert weight["i05", 3] == (1, round(3**0.5, 3))  # seldom looked at, so it counts more
    assert not any(a == "i04" for a, _ in weight)
    assert train.wide.shape == (len(train.label), 50)
    at = train.interaction_ids.tolist().index("i02")
    assert train.wide[at, :3].tolist() == pytest.approx([2.0, 2.02, 2.04])
    assert train.brands[at] == "참새분식"
    assert found.card["position"]["method"] == "learning.position_exponent"


def test_texts_older_than_their_time_go_but_never_what_a_champion_was_taught_with(world):
    fill(world)
    world.write()
    first = world.make("nlg", "nlu")
    folders = {name: Path(told["folder"]) for name, told in first.items()}

    def write(folder: Path) -> None:
        card = {"data": {"sha256": first["nlu"]["hash"]}}
        (folder / "model.json").write_text(json.dumps(card))

    versions.publish(world.settings.paths.models / "nlu", "v1", write)
    ends = NOW + 31 * DAY
    for i in range(20, 30):
        ago = -30 * DAY - HOUR * (i - 20)
        world.answer(f"i{i}", ago=ago)
        world.feedback(f"i{i}", ago=ago - timedelta(minutes=5))
    world.write()
    world.make("tone", now=NOW + 29 * DAY)
    assert all(folder.exists() for folder in folders.values())
    again = world.make("nlg", "nlu", now=ends)
    assert not folders["nlg"].exists()
    assert folders["nlu"].exists()
    assert all(Path(told["folder"]).exists() for told in again.values())
    used = UsedLedger(world.root / "datasets").before("nlg", versions.version_name(ends))
    assert "i00" in used


def test_a_ranker_set_loses_a_child_s_words_in_time_and_keeps_its_features_and_name(world):
    fill(world)
    world.write()
    first = world.make("ranker")["ranker"]
    folder = Path(first["folder"])
    before = read_ranker(folder)
    assert set(before.train.queries) != {""}
    world.make("ranker", now=NOW + 29 * DAY)
    assert read_ranker(folder).train.queries.tolist() == before.train.queries.tolist()
    for now in (NOW + 31 * DAY, NOW + 32 * DAY):
        assert "skipped" in world.make("ranker", now=now)["ranker"]
    after = read_ranker(folder)
    assert set(after.train.queries) | set(after.test.queries) == {""}
    assert (after.train.wide == before.train.wide).all()
    assert find_set(folder.parent, first["hash"]) == folder
    assert after.card["without_texts"]["since"] == (NOW + 31 * DAY).astimezone(UTC).isoformat()
    assert world.make("ranker")["ranker"]["hash"] == first["hash"]


@pytest.mark.parametrize(
    ("source", "real", "kept"),
    [("auto", True, "r"), ("auto", False, "s"), ("real", True, "r"), ("simulated", True, "s")],
)
def test_real_and_simulated_answers_share_no_set(world, source, real, kept):
    for i in range(10):
        for kind in "rs" if real else "s":
            world.answer(f"{kind}{i:02d}", ago=DAY - HOUR * i, simulated=kind == "s")
            world.feedback(f"{kind}{i:02d}", ago=DAY - HOUR * (i + 0.1))
    world.write()
    learning = world.settings.learning.model_copy(update={"source": source})
    settings = world.settings.model_copy(update={"learning": learning})
    for told in world.make("nlg", "nlu", "ranker", settings=settings).values():
        rows = [r for part in ("train", "test") for r in world.rows(told, part)]
        assert {r["interaction_id"] for r in rows} == {f"{kept}{i:02d}" for i in range(10)}
        assert {r["simulated"] for r in rows} == {kept == "s"} == {told["simulated"]}


def test_the_ranker_waits_for_something_new(world):
    fill(world)
    world.write()
    world.make("ranker")
    later = world.make("ranker", now=NOW + HOUR)["ranker"]
    assert later["skipped"].startswith("nothing was chosen since the last set")


def test_owners_messages_become_easy_and_keep_no_telephone(world):
    told = world.make("tone")["tone"]
    pairs = {
        r["prompt"]: r["completion"] for part in ("train", "test") for r in world.rows(told, part)
    }
    assert len(pairs) == 9
    prompt = f"<|im_start|>tone\n김밥 전문점입니다. 급식카드 이용 가능합니다.{END}\n"
    assert pairs[prompt] == f"김밥 전문점이에요. 급식카드 쓸 수 있어요.{END}"
    card = json.loads((Path(told["folder"]) / "card.json").read_text())
    assert card["dropped"] == {"personal_data": 1}


def test_a_set_that_was_touched_is_refused(world):
    fill(world)
    world.write()
    folder = Path(world.make("nlg")["nlg"]["folder"])
    shutil.copy(folder / "train.parquet", folder / "test.parquet")
    with pytest.raises(ValueError, match="its card says"):
        world.make("nlg")
