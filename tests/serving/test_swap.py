import asyncio
import shutil

import pytest

from deployments.runtime import RuntimeBuilder
from deployments.stages import load_stages
from deployments.versioned import DataVersions, Versioned, published
from naviyam import versions
from naviyam.catalog.store import Catalog
from naviyam.clock import SystemClock
from naviyam.errors import ArtifactError, NotFoundError, StaleVersionError
from naviyam.retrieval.index import ensure_index


@pytest.fixture
def own_state(state, tmp_path):
    """A copy of the state that a test may publish into."""
    folder = tmp_path / "state"
    shutil.copytree(state, folder)
    return folder


@pytest.mark.slow
def test_a_new_version_is_taken_over_without_a_failed_request(
    served, own_state, service_of, encoder, settings_at, publish_catalog
):
    settings = settings_at(own_state)
    service = service_of(own_state)

    async def story(w):
        old = w.catalog.version
        codes, seen = [], []
        stop = asyncio.Event()

        async def ask():
            while not stop.is_set():
                body = {"user_id": "k", "message": "김밥", "context": {"district": w.district}}
                response = await w.client.post("/chat", json=body)
                codes.append(response.status_code)
                seen.append(response.json()["metadata"]["versions"]["catalogue"])

        asking = asyncio.create_task(ask())
        folder = await asyncio.to_thread(publish_catalog, settings, seed=4)
        for _ in range(3):  # published, but its index is not there yet: the old one serves on
            await asyncio.sleep(0.4)
            assert w.service.runtimes.current.catalog_version == old
        catalog = await asyncio.to_thread(Catalog.load, folder)
        await asyncio.to_thread(
            ensure_index, settings.paths.index, catalog, encoder, settings.retrieval
        )
        for _ in range(200):
            if seen[-1] == folder.name:
                break
            await asyncio.sleep(0.1)
        stop.set()
        await asking
        assert seen[0] == old
        assert seen[-1] == folder.name
        assert set(codes) == {200}
        assert w.service.runtimes.of(old).catalog_version == old

    served(story, service=service)


def test_a_broken_version_is_refused_and_the_old_one_serves(own_state, encoder, settings_at):
    settings = settings_at(own_state)
    held = Versioned(
        lambda: published(settings), lambda wanted: load_stages(settings, encoder, wanted)
    )
    root = settings.paths.models / "ranker"
    good = versions.current(root)

    def torn(folder):
        for path in good.iterdir():
            (folder / path.name).write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    versions.publish(root, "99991231T000000.000000Z", torn)
    assert asyncio.run(held.poll()) is False
    assert held.current.scorer.version == good.name
    with pytest.raises(ArtifactError):
        load_stages(settings, encoder, published(settings))


def test_a_published_classifier_takes_over_and_a_broken_one_does_not(
    own_state, settings_at, encoder
):
    settings = settings_at(own_state)
    root = settings.paths.models / "nlu"

    def start():
        return RuntimeBuilder(settings, SystemClock(), encoder=encoder, generator=None).start()

    def serving(runtimes):
        return runtimes.current.pipeline.versions["nlu"]

    def whole(folder):
        shutil.copytree(settings.paths.classifier, folder, dirs_exist_ok=True)

    def torn(folder):
        whole(folder)
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:1_000])

    runtimes, state = start()
    assert serving(runtimes) == "repository"
    versions.publish(root, "v1", whole)
    assert asyncio.run(runtimes.poll())
    assert serving(runtimes) == "v1"
    versions.publish(root, "v2", torn)
    assert not asyncio.run(runtimes.poll())
    assert serving(runtimes) == "v1"
    state.close()
    restarted, state = start()
    assert serving(restarted) == "repository"
    state.close()


def test_nothing_published_says_what_to_run(tmp_path, settings_at):
    with pytest.raises(NotFoundError, match="bootstrap"):
        published(settings_at(tmp_path))


class Thing:
    def __init__(self, catalog_version):
        self.catalog_version = catalog_version


def test_two_versions_are_held_and_no_third():
    now = ["a"]
    held = Versioned(lambda: DataVersions(catalog=now[0], ranker=None), lambda w: Thing(w.catalog))
    for name in "bc":
        now[0] = name
        assert asyncio.run(held.poll())
    assert [held.of(v).catalog_version for v in "bc"] == ["b", "c"]
    with pytest.raises(StaleVersionError):
        held.of("a")
    assert not asyncio.run(held.poll())
