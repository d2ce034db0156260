"""A registry whose process dies between any two steps: the next call finds one side or the other."""

import shutil

import pytest

from cluster.registry.memory_registry import MemoryRecords
from naviyam import versions
from naviyam.errors import ArtifactError, ConflictError

BY = {"who": "test", "why": "better"}


class KilledError(BaseException):
    """The process died here."""


class DyingRecords(MemoryRecords):
    """Dies before the n-th write; the writes before it are kept."""

    def __init__(self):
        super().__init__()
        self.left = None

    def _step(self):
        if self.left is not None:
            if self.left == 0:
                raise KilledError
            self.left -= 1

    def add(self, version):
        self._step()
        super().add(version)

    def mark(self, *args, **values):
        self._step()
        super().mark(*args, **values)

    def set_alias(self, *args):
        self._step()
        super().set_alias(*args)

    def append(self, entry):
        self._step()
        super().append(entry)


@pytest.fixture
def world(registry_over, trained, tmp_path, monkeypatch):
    records = DyingRecords()
    registry = registry_over(records)
    root = tmp_path / "models" / "thing"
    versions.publish(root, "old", lambda f: shutil.copytree(trained("a"), f, dirs_exist_ok=True))
    registry.adopt("thing")
    return registry, records, root


def serving(registry, root):
    champion = registry.alias("thing", "champion").version
    assert champion == versions.current_version(root) == registry.history("thing")[-1].version
    return champion


def dying(records, steps, act):
    """Run `act` with a death before the write number `steps`; return whether it died."""
    records.left = steps
    try:
        act()
    except KilledError:
        return True
    finally:
        records.left = None
    return False


@pytest.mark.parametrize(("steps", "served"), [(0, "old"), (1, "new"), (2, "new")])
def test_a_promotion_that_died_is_on_one_side_after_reconcile(world, trained, steps, served):
    registry, records, root = world
    new = registry.register("thing", trained("b")).version
    dying(records, steps, lambda: registry.promote("thing", new, **BY))
    registry.reconcile("thing")
    assert serving(registry, root) == (new if served == "new" else "old")
    registry.promote("thing", new, **BY)
    assert serving(registry, root) == new
    assert [e.version for e in registry.history("thing")] == ["old", new]


def test_a_promotion_that_died_before_its_pointer_is_finished(world, trained):
    registry, _, root = world
    new = registry.register("thing", trained("b")).version
    registry.promote("thing", new, **BY)
    versions.set_current(root, "old")
    assert registry.reconcile("thing").version == new
    assert serving(registry, root) == new
    (root / "CURRENT").unlink()
    registry.reconcile("thing")
    assert serving(registry, root) == new


def test_a_version_that_broke_before_its_pointer_moved_is_left(world, trained):
    registry, records, root = world
    new = registry.register("thing", trained("b"))
    assert dying(records, 1, lambda: registry.promote("thing", new.version, **BY))
    (new.folder / "weights").write_text("other")
    back = registry.reconcile("thing")
    assert (back.act, back.version) == ("rollback", "old")
    assert serving(registry, root) == "old"
    with pytest.raises(ArtifactError, match="changed"):
        registry.promote("thing", new.version, **BY)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_rollback_that_died_goes_one_step_when_asked_again(world, trained, steps):
    registry, records, root = world
    made = [registry.register("thing", trained(w)).version for w in "bc"]
    for v in made:
        registry.promote("thing", v, **BY)
    died = dying(records, steps, lambda: registry.rollback("thing", **BY))
    if died:
        registry.rollback("thing", **BY)
    assert serving(registry, root) == made[0]


@pytest.mark.parametrize("steps", [0, 1])
def test_a_registration_that_died_leaves_one_version(world, trained, steps):
    registry, records, root = world
    folder = trained("b")
    dying(records, steps, lambda: registry.register("thing", folder))
    registry.register("thing", folder)
    assert len(registry.versions("thing")) == len(versions.list_versions(root)) == 2


@pytest.mark.parametrize("steps", range(4))
def test_a_cleanup_that_died_is_finished_by_the_next(world, trained, steps):
    registry, records, root = world
    for w in "bcd":
        registry.register("thing", trained(w))
    dying(records, steps, lambda: registry.cleanup("thing", keep=0))
    registry.cleanup("thing", keep=0)
    assert versions.list_versions(root) == ["old"]
    assert serving(registry, root) == "old"


@pytest.mark.parametrize("steps", [0, 1])
def test_an_adoption_that_died_is_finished(registry_over, trained, tmp_path, steps):
    records = DyingRecords()
    registry = registry_over(records, initial=trained("a"))
    assert dying(records, steps, lambda: registry.adopt("thing"))
    registry.adopt("thing")
    root = tmp_path / "models" / "thing"
    serving(registry, root)
    assert len(versions.list_versions(root)) == len(registry.history("thing")) == 1


def test_what_follows_the_catalogue_is_adopted_only(registry_over, trained, tmp_path):
    registry = registry_over(MemoryRecords(), follows="the catalogue")
    root = tmp_path / "models" / "thing"
    for name, weights in (("v1", "a"), ("v2", "b")):
        folder = trained(weights)
        versions.publish(root, name, lambda f, s=folder: shutil.copytree(s, f, dirs_exist_ok=True))
        registry.adopt("thing")
    assert serving(registry, root) == "v2"
    versions.set_current(root, "v1")
    registry.adopt("thing")
    assert serving(registry, root) == "v1"
    with pytest.raises(ConflictError, match="follows the catalogue"):
        registry.promote("thing", "v2", **BY)
