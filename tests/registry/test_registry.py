"""The contract of a registry, over every kind of records."""

import json
import shutil
import subprocess
import sys

import pytest

from cluster.registry.memory_registry import MemoryRecords
from cluster.registry.models import Lineage
from naviyam import versions
from naviyam.errors import ArtifactError, ConflictError, NotFoundError

BY = {"who": "test", "why": "better"}


class Contract:
    """What every registry does; `records` is the store under test."""

    @pytest.fixture
    def root(self, tmp_path):
        return tmp_path / "models" / "thing"

    @pytest.fixture
    def registry(self, registry_over, records, root, trained):
        """A registry in which `a` serves, published before there was one."""
        versions.publish(
            root, "old", lambda f: shutil.copytree(trained("a"), f, dirs_exist_ok=True)
        )
        registry = registry_over(records)
        registry.adopt("thing")
        return registry

    def test_what_served_already_begins_the_history(self, registry, root):
        champion = registry.alias("thing", "champion")
        assert (champion.version, champion.folder) == ("old", root / "old")
        assert champion.metrics == {"score": 0.5, "tests.all": 3.0}
        (entry,) = registry.history("thing")
        assert (entry.act, entry.version, entry.previous) == ("adopt", "old", None)
        assert registry.adopt("thing") is None

    def test_a_registered_version_has_lineage_and_does_not_serve(self, registry, root, trained):
        lineage = Lineage(parent="old", dataset_hash="d1", seed=3, simulated=True)
        held = registry.register("thing", trained("b"), lineage=lineage, metrics={"score": 0.7})
        assert versions.current_version(root) == "old"
        assert held == registry.get("thing", held.version)
        assert held.lineage == lineage
        assert held.metrics == {"score": 0.7, "tests.all": 3.0}
        assert held.folder == root / held.version
        assert (held.folder / "weights").read_text() == "b"
        assert [v.version for v in registry.versions("thing")] == ["old", held.version]
        assert registry.names() == ("thing",)

    def test_the_same_content_is_the_same_version(self, registry, root, trained):
        first = registry.register("thing", trained("b"))
        again = registry.register("thing", trained("b", card={"made": "later"}, name="b2"))
        assert again.version == first.version
        assert len(versions.list_versions(root)) == 2

    def test_a_copy_without_a_record_is_used_again(self, registry, records, root, trained):
        folder = trained("b")
        versions.add(root, "halfway", lambda f: shutil.copytree(folder, f, dirs_exist_ok=True))
        assert registry.register("thing", folder).version == "halfway"

    def test_a_broken_folder_is_refused_and_the_old_one_serves(self, registry, root, trained):
        with pytest.raises(ArtifactError, match="broken"):
            registry.register("thing", trained("broken"))
        with pytest.raises(ArtifactError, match="no folder"):
            registry.register("thing", shutil.copy(trained("x") / "weights", root / "file"))
        assert len(registry.versions("thing")) == 1
        assert versions.current_version(root) == "old"

    def test_promotion_is_written_down_and_swings_the_pointer(self, registry, root, trained):
        b = registry.register("thing", trained("b"))
        registry.set_alias("thing", "challenger", b.version)
        entry = registry.promote("thing", "challenger", **BY)
        assert (entry.version, entry.previous, entry.who) == (b.version, "old", "test")
        assert entry.metrics == b.metrics
        assert registry.history("thing")[-1] == entry
        assert registry.alias("thing", "champion").version == b.version
        assert registry.alias("thing", "challenger") is None
        assert versions.current_version(root) == b.version
        assert registry.promote("thing", b.version, **BY) == entry
        assert len(registry.history("thing")) == 2

    def test_files_that_changed_are_not_promoted(self, registry, root, trained):
        b = registry.register("thing", trained("b"))
        (b.folder / "weights").write_text("c")
        with pytest.raises(ArtifactError, match="weights changed"):
            registry.promote("thing", b.version, **BY)
        (b.folder / "weights").unlink()
        with pytest.raises(ArtifactError, match="weights missing"):
            registry.promote("thing", b.version, **BY)
        assert versions.current_version(root) == "old"
        assert len(registry.history("thing")) == 1

    def test_a_refused_content_stays_refused(self, registry, trained):
        b = registry.register("thing", trained("b"))
        registry.set_alias("thing", "challenger", b.version)
        registry.refuse("thing", b.version, "perplexity rose")
        assert registry.alias("thing", "challenger") is None
        again = registry.register("thing", trained("b", name="again"))
        assert again.refused == "perplexity rose"
        for act in (
            lambda: registry.promote("thing", b.version, **BY),
            lambda: registry.set_alias("thing", "challenger", b.version),
        ):
            with pytest.raises(ConflictError, match="perplexity rose"):
                act()
        with pytest.raises(ConflictError, match="roll back first"):
            registry.refuse("thing", "champion", "no")
        with pytest.raises(ConflictError, match="promote and rollback"):
            registry.set_alias("thing", "champion", "old")

    def test_rollback_goes_to_the_last_good_and_not_back_and_forth(self, registry, root, trained):
        b = registry.register("thing", trained("b"))
        c = registry.register("thing", trained("c"))
        for v in (b, c):
            registry.promote("thing", v.version, **BY)
        assert registry.rollback("thing", **BY).version == b.version
        assert registry.rollback("thing", **BY).version == "old"
        assert versions.current_version(root) == "old"
        with pytest.raises(ConflictError, match="no earlier version"):
            registry.rollback("thing", **BY)
        assert registry.rollback("thing", c.version, **BY).previous == "old"
        assert [e.act for e in registry.history("thing")] == [
            "adopt", "promote", "promote", "rollback", "rollback", "rollback",
        ]  # fmt: skip

    def test_rollback_passes_over_what_is_broken(self, registry, trained):
        b = registry.register("thing", trained("b"))
        c = registry.register("thing", trained("c"))
        for v in (b, c):
            registry.promote("thing", v.version, **BY)
        (b.folder / "weights").write_text("other")
        assert registry.rollback("thing", **BY).version == "old"

    def test_cleanup_keeps_what_is_needed(self, registry, root, trained):
        made = [registry.register("thing", trained(w)).version for w in "bcdefg"]
        b, c, d, e, f, g = made
        for v in (b, c):
            registry.promote("thing", v, **BY)  # b is the last good, c the champion
        registry.set_alias("thing", "challenger", d)
        planned = registry.cleanup("thing", keep=1, serving=[e], dry_run=True)
        assert planned == ("old", f)
        assert len(versions.list_versions(root)) == 7
        assert registry.cleanup("thing", keep=1, serving=[e]) == planned
        assert versions.list_versions(root) == sorted([b, c, d, e, g])
        assert registry.cleanup("thing", keep=1, serving=[e]) == ()
        assert registry.get("thing", "old").removed_at is not None
        with pytest.raises(ConflictError, match="cleaned up"):
            registry.promote("thing", f, **BY)
        fresh = registry.register("thing", trained("f", name="f again"))
        assert fresh.version != f
        registry.cleanup("thing", keep=0)
        assert versions.list_versions(root) == sorted([b, c, d])

    def test_what_was_published_past_the_registry_is_adopted(self, registry, root, trained):
        folder = trained("b")
        versions.publish(root, "v2", lambda f: shutil.copytree(folder, f, dirs_exist_ok=True))
        entry = registry.reconcile("thing")
        assert (entry.act, entry.version, entry.previous) == ("adopt", "v2", "old")
        assert registry.alias("thing", "champion").version == "v2"
        assert registry.rollback("thing", **BY).version == "old"

    def test_a_broken_publication_is_replaced_by_the_champion_on_promotion(
        self, registry, root, trained
    ):
        def broken(folder):
            (folder / "weights").write_text("broken")

        versions.publish(root, "v2", broken)
        assert registry.reconcile("thing") is None
        registry.promote("thing", "old", **BY)
        assert versions.current_version(root) == "old"

    def test_names_that_are_not_there_are_told(self, registry):
        with pytest.raises(NotFoundError, match="there are: \\['old'\\]"):
            registry.promote("thing", "new", **BY)
        with pytest.raises(NotFoundError, match="thing"):
            registry.adopt("things")


class TestMemory(Contract):
    @pytest.fixture
    def records(self):
        return MemoryRecords()


@pytest.mark.mlflow
class TestMlflow(Contract):
    @pytest.fixture(scope="class")
    def blank(self, tmp_path_factory):
        """A store whose tables are made: that takes seconds, copying it none."""
        mlflow_registry = pytest.importorskip("cluster.registry.mlflow_registry")
        folder = tmp_path_factory.mktemp("blank")
        mlflow_registry.MlflowRecords(folder)
        return folder

    @pytest.fixture
    def records(self, blank, tmp_path):
        from cluster.registry.mlflow_registry import MlflowRecords  # noqa: PLC0415

        shutil.copytree(blank, tmp_path / "mlflow")
        return MlflowRecords(tmp_path / "mlflow")

    def test_mlflow_shows_versions_metrics_aliases_and_history(
        self, registry, records, trained, registry_over
    ):
        b = registry.register("thing", trained("b"), metrics={"precision@5": 0.4})
        registry.promote("thing", b.version, **BY)
        client = records._client
        model = client.get_registered_model("thing")
        assert model.aliases == {"champion": 2}
        assert json.loads(model.tags["history.000002"])["why"] == "better"
        held = client.get_model_version("thing", "2")
        metrics = client.get_run(held.run_id).data.metrics
        assert metrics == {"score": 0.5, "tests.all": 3.0, "precision_5": 0.4}
        reopened = type(records)(records._artifacts.parent)
        assert registry_over(reopened).history("thing") == registry.history("thing")

    def test_a_run_that_was_left_behind_is_used_again(self, registry, records, trained):
        b = registry.register("thing", trained("b"))
        held = records._held("thing")[-1]
        records._client.delete_model_version("thing", held.version)
        registry.register("thing", trained("b", name="again"))
        assert records._held("thing")[-1].run_id == held.run_id
        assert b.version == registry.versions("thing")[-1].version


@pytest.mark.mlflow
def test_processes_that_open_a_new_store_at_the_same_time_all_do(tmp_path):
    program = (
        "import sys; from pathlib import Path; from cluster.registry.mlflow_registry import MlflowRecords; "
        "print(MlflowRecords(Path(sys.argv[1])).names())"
    )
    opened = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "mlflow")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [process.communicate(timeout=300)[0].strip() for process in opened] == ["()"] * 2
