import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from naviyam.errors import ConfigError, ConflictError
from naviyam.feedback.log import AppendLog
from naviyam.feedback.query import query
from naviyam.feedback.reader import read_events
from naviyam.feedback.schema import FEEDBACK, INTERACTIONS, SCHEMA_VERSION, SCHEMAS, TOMBSTONES
from naviyam.feedback.ship import Shipper, held
from naviyam.feedback.storage import Storage
from naviyam.feedback.store import EventStore, Hour

HOUR = timedelta(hours=1)
OLD = timedelta(days=31)


def tombstone(world: Any, user: str) -> dict[str, Any]:
    return {"user_id": user, "recorded_at": world.clock.now().isoformat()}


def parquet(world: Any, kind: str) -> list[dict[str, Any]]:
    parts = [p for found in world.store.parts(kind).values() for p in found]
    return world.store.dataset(kind, parts).to_table().to_pylist() if parts else []


def test_a_record_reads_back_from_parquet_as_it_was_written(world, interaction, feedback):
    world.write(INTERACTIONS, interaction("i1"), interaction("i2", ago=HOUR))
    world.write(FEEDBACK, feedback("k1"))
    before = [world.read(kind) for kind in (INTERACTIONS, FEEDBACK)]
    done = world.compact()
    assert (done.segments, done.records) == (2, 3)
    assert [world.read(kind) for kind in (INTERACTIONS, FEEDBACK)] == before
    assert world.store.stems(INTERACTIONS) == []
    assert all(row["extra"] is None for row in parquet(world, INTERACTIONS))
    hours = [str(h.folder) for h in world.store.parts(INTERACTIONS)]
    assert hours == ["dt=2026-11-21/hour=08", "dt=2026-11-21/hour=09"]


def test_what_the_schema_does_not_know_is_kept(world, interaction):
    strange = interaction("i1") | {"weather": {"rain": True}, "response_time_s": "slow"}
    strange["shown"] = [{"shop_id": "S-1", "badge": "new"}]
    world.write(INTERACTIONS, strange, {"interaction_id": "i2"})
    world.compact()
    one, two = world.read(INTERACTIONS)
    assert one == {"schema_version": SCHEMA_VERSION, **strange}
    assert two["interaction_id"] == "i2"


def test_an_older_schema_reads_with_null_in_what_it_lacked(world, feedback):
    world.write(FEEDBACK, feedback("k1"))
    world.compact()
    (parts,) = world.store.parts(FEEDBACK).values()
    path = world.store.storage.path(parts[0].name)
    older = pq.read_table(path, partitioning=None).drop_columns(["actual_visit", "extra"])
    pq.write_table(older, path)
    world.write(FEEDBACK, {"feedback_id": "f_z", "user_id": "u_2"})
    assert [r.get("actual_visit") for r in world.read(FEEDBACK)] == [None, None]
    world.compact()
    assert len(world.read(FEEDBACK)) == 2


def test_what_version_3_added_reads_back_and_is_null_in_files_of_version_2(world, interaction):
    arms = {"experiments": {"ranker": "x1"}, "arm_errors": ["ranker"], "unsafe": ["promise"]}
    world.write(INTERACTIONS, {**interaction("i1"), **arms, "error": "timeout"}, interaction("i2"))
    world.compact()
    one, two = world.read(INTERACTIONS)
    assert {name: one[name] for name in (*arms, "error")} == {**arms, "error": "timeout"}
    (parts,) = world.store.parts(INTERACTIONS).values()
    path = world.store.storage.path(parts[0].name)
    added = ["experiments", "arm_errors", "error", "unsafe"]
    older = pq.read_table(path, partitioning=None).drop_columns(added)
    pq.write_table(older, path)
    assert [set(added) & set(r) for r in world.read(INTERACTIONS)] == [set(), set()]
    assert world.read(INTERACTIONS)[1] == two
    rows = query(world.store, "SELECT count(*) FROM interactions WHERE error IS NULL", limit=9).rows
    assert rows == ((2,),)


def test_hours_that_are_over_become_one_file(world, feedback):
    for n in range(4):
        world.write(FEEDBACK, feedback(f"k{n}", ago=3 * HOUR))
        world.write(FEEDBACK, feedback(f"now{n}"))
    before = world.read(FEEDBACK)
    world.compact()
    over, running = (len(parts) for parts in world.store.parts(FEEDBACK).values())
    assert (over, running) == (1, 4)
    assert world.read(FEEDBACK) == before
    world.write(FEEDBACK, feedback("late", ago=3 * HOUR))
    assert world.compact().hours_rewritten == 1
    assert world.compact().hours_rewritten == 0
    assert len(world.read(FEEDBACK)) == 9


def test_files_are_joined_up_to_a_size(world, feedback):
    for n in range(3):
        world.write(FEEDBACK, feedback(f"k{n}", ago=3 * HOUR))
    world.compact(merge_up_to_bytes=1)
    (parts,) = world.store.parts(FEEDBACK).values()
    assert len(parts) == 3


def test_a_forgotten_user_leaves_segments_and_parquet(world, interaction, feedback):
    world.write(INTERACTIONS, interaction("i1", "u_gone"), interaction("i2", "u_stays"))
    world.write(FEEDBACK, feedback("k1", "u_gone", ago=5 * HOUR))
    world.compact()
    world.clock.advance(60)
    world.write(INTERACTIONS, interaction("i3", "u_gone"))
    world.write(TOMBSTONES, tombstone(world, "u_gone"))
    world.write(INTERACTIONS, interaction("i4", "u_gone", ago=-2 * HOUR))
    assert [r["interaction_id"] for r in world.read(INTERACTIONS)] == ["i2", "i4"]
    done = world.compact()
    assert done.forgotten_records == 3
    assert {r["interaction_id"] for r in parquet(world, INTERACTIONS)} == {"i2", "i4"}
    assert parquet(world, FEEDBACK) == []
    assert [r["interaction_id"] for r in world.read(INTERACTIONS)] == ["i2", "i4"]
    for path in world.folder.rglob("*.parquet"):
        assert b"i1" not in path.read_bytes()
    assert world.compact().hours_rewritten == 0


def test_raw_text_goes_after_its_days_and_features_stay(world, interaction, feedback):
    world.write(INTERACTIONS, interaction("i1"), interaction("i0", ago=OLD))
    world.write(FEEDBACK, feedback("k1"))
    world.compact()
    fresh = {r["interaction_id"]: r for r in world.read(INTERACTIONS)}
    assert fresh["i1"]["input"] == "만원으로 치킨"
    assert "input" not in fresh["i0"]
    world.clock.advance(OLD.total_seconds())
    done = world.compact()
    assert done.texts_dropped == 2
    (old, _) = world.read(INTERACTIONS)
    aged = next(r for r in world.read(INTERACTIONS) if r["interaction_id"] == "i1")
    words = repr(aged) + repr(world.read(FEEDBACK))
    for word in ("만원으로", "좋아요", "치킨집", "맛있어요"):
        assert word not in words
    assert aged["shown"] == fresh["i1"]["shown"]
    assert aged["candidates"] == fresh["i1"]["candidates"]
    assert aged["understanding"]["filters"] == {"category": "치킨", "budget_max": 10_000}
    assert aged["understanding"]["intent"] == "FOOD_RECOMMENDATION"
    assert old["interaction_id"] == "i0"
    assert world.compact().hours_rewritten == 0


def test_keys_outlive_compaction_and_a_lost_table(world, feedback):
    world.write(FEEDBACK, feedback("k1"))
    world.compact()
    for path in (world.folder / "events" / FEEDBACK).glob("keys.db*"):
        path.unlink()
    world.write(FEEDBACK, feedback("k1"), feedback("k2"))
    (segment,) = world.store.stems(FEEDBACK)
    assert len(world.store.read_segment(FEEDBACK, segment).records) == 1
    world.compact()
    assert len(world.read(FEEDBACK)) == 2


def test_a_line_written_twice_under_one_key_counts_once(world, feedback):
    folder = world.store.spool / FEEDBACK
    world.write(FEEDBACK, feedback("k1"))
    (path,) = folder.glob("*.jsonl")
    (folder / "2-1-0.jsonl").write_bytes(path.read_bytes())
    assert len(world.read(FEEDBACK)) == 1
    world.compact()
    assert len(world.read(FEEDBACK)) == 1


def test_a_living_writer_is_left_alone(world, interaction):
    store = world.store
    with_open = type(world)(world.folder, clock=world.clock)
    log = AppendLog(store.spool / INTERACTIONS, clock=world.clock, window_s=0.0)
    log.append(interaction("i1")).result()
    assert with_open.compact().segments == 0
    log.append(interaction("i2")).result()
    log.close()
    assert with_open.compact().records == 2


def test_one_compaction_at_a_time(world):
    with (
        held(world.store.spool / "compaction.lock"),
        pytest.raises(ConflictError, match="another compaction"),
    ):
        world.compact()


class Death(BaseException):
    """The process ends here."""


class Mortal(Storage):
    """Dies instead of the `last`-th change; of a file that was to be written half lies beside its place."""

    last = 1 << 30

    def _count(self) -> bool:
        self.last -= 1
        return self.last == 0

    def write(self, name: str, data: bytes) -> None:
        if self._count():
            folder, last = self.path(name).rsplit("/", 1)
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f".{last}.tmp").write_bytes(data[: len(data) // 2])
            raise Death
        super().write(name, data)

    def delete(self, name: str) -> None:
        if self._count():
            raise Death
        super().delete(name)


@pytest.mark.parametrize("shipped", [False, True])
def test_dying_at_every_step_loses_and_doubles_nothing(
    tmp_path, world, interaction, feedback, shipped, monkeypatch
):
    monkeypatch.setattr("os.fsync", lambda descriptor: None)  # nothing here loses power
    monkeypatch.setattr("os.fdatasync", lambda descriptor: None)

    def at(folder: Path) -> tuple[Any, Mortal]:
        storage = Mortal.open(folder / ("far" if shipped else "events"))
        return replace(world, folder=folder, storage=storage), storage

    def found(mine: Any) -> list[str]:
        keys = [r["interaction_id"] for r in mine.read(INTERACTIONS)]
        return sorted(keys + [r["feedback_id"] for r in mine.read(FEEDBACK)])

    first, storage = at(tmp_path / "first")
    first.write(FEEDBACK, feedback("a", ago=4 * HOUR), feedback("b", "u_gone", ago=4 * HOUR))
    first.write(INTERACTIONS, interaction("i1"), interaction("i2", "u_gone", ago=4 * HOUR))
    first.compact()
    first.write(FEEDBACK, feedback("c", ago=4 * HOUR), feedback("d", ago=OLD), feedback("e"))
    first.write(INTERACTIONS, interaction("i3", ago=4 * HOUR), interaction("i4", "u_gone"))
    first.write(TOMBSTONES, tombstone(first, "u_gone"))
    expected = found(first)
    assert len(expected) == 6
    for step in range(1, 100):
        folder = shutil.copytree(tmp_path / "first", tmp_path / str(step))
        mine, storage = at(folder)
        storage.last = step
        try:
            mine.compact()
            break
        except Death:
            pass
        assert found(mine) == expected, step
        storage.last = 1 << 30
        mine.compact()
        assert found(mine) == expected, step
        assert len(parquet(mine, FEEDBACK) + parquet(mine, INTERACTIONS)) == 6, step
        assert not list(folder.rglob("*.parquet.tmp"))
    assert 12 < step < 99


def test_forgetting_after_a_killed_conversion_leaves_no_row_behind(tmp_path, world, feedback):
    storage = Mortal.open(tmp_path / "events")
    world = replace(world, storage=storage)
    world.write(FEEDBACK, feedback("a", "u_gone", ago=4 * HOUR), feedback("b"))
    storage.last = 3  # the note of the other kind, one hour, not the second
    with pytest.raises(Death):
        world.compact()
    storage.last = 1 << 30
    assert len(parquet(world, FEEDBACK)) == 1
    world.write(TOMBSTONES, tombstone(world, "u_gone"))
    world.compact()
    assert [row["user_id"] for row in parquet(world, FEEDBACK)] == ["u_1"]


def test_a_reader_whose_files_are_replaced_meanwhile_counts_once(world, feedback):
    for n in range(6):
        world.write(FEEDBACK, feedback(f"k{n}", ago=timedelta(hours=3 + n % 2)))
    reading = read_events(world.store, FEEDBACK)
    seen = [next(reading)["feedback_id"]]
    world.compact()
    seen += [r["feedback_id"] for r in reading]
    assert sorted(seen) == [r["feedback_id"] for r in world.read(FEEDBACK)]

    class Changing(Storage):
        """Compacts when a reader has listed the files of an hour and not opened them yet."""

        def list(self, prefix: str) -> Any:
            listed = super().list(prefix)
            if "hour=" in prefix and not changed:
                changed.append(prefix)
                world.compact()
            return listed

    changed: list[str] = []
    for n in range(6, 9):
        world.write(FEEDBACK, feedback(f"k{n}", ago=timedelta(hours=3)))
    world.compact(merge_up_to_bytes=1)
    store = EventStore(world.store.spool, Changing.open(world.store.spool))
    records = list(read_events(store, FEEDBACK))
    assert changed
    assert len(records) == len({r["feedback_id"] for r in records}) == 9


def storages(tmp_path: Path) -> dict[str, Storage]:
    memory = pafs.PyFileSystem(pafs.FSSpecHandler(fsspec.filesystem("memory")))
    (tmp_path / "tree").mkdir()
    return {
        "file uri": Storage.open((tmp_path / "far").as_uri()),
        "subtree": Storage(
            pafs.SubTreeFileSystem(str(tmp_path / "tree"), pafs.LocalFileSystem()), "log"
        ),
        "pyarrow memory": Storage(pafs._MockFileSystem(), "log"),
        "fsspec memory": Storage(memory, f"log-{tmp_path.name}"),
    }


@pytest.mark.parametrize("name", ["file uri", "subtree", "pyarrow memory", "fsspec memory"])
def test_any_filesystem_holds_the_log(tmp_path, world, interaction, feedback, name):
    world.storage = storages(tmp_path)[name]
    world.write(INTERACTIONS, interaction("i1"), interaction("i2", "u_gone", ago=3 * HOUR))
    world.write(FEEDBACK, feedback("k1", ago=3 * HOUR))
    world.write(FEEDBACK, feedback("k2", ago=3 * HOUR))
    before = world.read(INTERACTIONS)
    assert world.compact().shipped == 3
    assert not list((world.folder / "events").rglob("*.jsonl"))
    assert world.read(INTERACTIONS) == before
    assert [len(parts) for parts in world.store.parts(FEEDBACK).values()] == [1]
    world.write(TOMBSTONES, tombstone(world, "u_gone"))
    world.compact()
    assert [r["interaction_id"] for r in world.read(INTERACTIONS)] == ["i1"]
    world.write(FEEDBACK, feedback("k1"))
    assert len(world.read(FEEDBACK)) == 2


def test_closed_segments_are_shipped_beside_the_service(tmp_path, world, interaction):
    world.storage = Storage.open(tmp_path / "far")
    world.write(INTERACTIONS, interaction("i1"))
    shipper = Shipper(world.store, every_s=60)
    shipper.close()
    assert not list((world.store.spool / INTERACTIONS).glob("*.jsonl"))
    assert len(world.store.closed(INTERACTIONS)) == 1
    assert len(world.read(INTERACTIONS)) == 1


def test_an_unknown_uri_is_named(world):
    with pytest.raises(ConfigError, match="gopher"):
        Storage.open("gopher://x/y")


def test_hours_order_and_schemas_hold_the_needed_columns():
    assert Hour("2026-01-01", "09") < Hour("2026-01-01", "10") < Hour("2026-01-02", "00")
    for schema in SCHEMAS.values():
        assert {"schema_version", "recorded_at", "user_id", "extra", "segment"} <= set(schema.names)
