"""The same loops in Ray's workers: the plain loop's weights, through a killed worker too, and a search that stops early."""

import os
import signal
from functools import partial

import pytest
import torch

from naviyam.settings import Settings
from training.wide_deep.fit import Trainee, windows_of

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    import ray  # noqa: PLC0415

    state = tmp_path_factory.mktemp("state")
    # Nothing else can find this session: own folders, no dashboard, any free ports.
    ray.init(address="local", num_cpus=3, include_dashboard=False, log_to_driver=False)
    yield Settings.parse({"paths": {"state": str(state)}})
    ray.shutdown()


def _die_once(marker, epoch):
    if epoch == 2 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_s_weights_are_the_plain_loop_s_though_it_was_killed(small, settings, tmp_path):
    from training.wide_deep.on_ray import fit_on_ray  # noqa: PLC0415

    task, rows = small.ranker_task(shuffle_window=130)  # three windows stream by
    plain = Trainee(task).fit(windows_of(rows, task))
    marker = tmp_path / "killed"
    fitted = fit_on_ray(
        settings,
        task,
        rows,
        name="killed",
        workers=1,
        after_epoch=partial(_die_once, marker),
    )
    assert marker.exists()
    assert fitted.losses == pytest.approx(plain.losses, rel=1e-5)
    assert fitted.validation == pytest.approx(plain.validation, rel=1e-5)
    for name, tensor in plain.tensors.items():
        torch.testing.assert_close(fitted.tensors[name], tensor, atol=1e-6, rtol=1e-5)


def test_a_search_ends_the_hopeless_early_and_tracks_every_trial(small, settings, tmp_path):
    import mlflow  # noqa: PLC0415

    from training.tune.on_ray import search  # noqa: PLC0415
    from training.tune.studies import RankerStudy  # noqa: PLC0415

    task, rows = small.ranker_task(epochs=4)
    study = RankerStudy(task=task, rows=rows, complete=lambda *_: {})
    found = search(settings, study, name="tune-ranker-test", samples=6, seed=3)
    assert len(found.trials) == 6
    assert any(t.stopped for t in found.trials)
    assert not found.trials[0].stopped
    assert found.trials[0].loss == min(t.loss for t in found.trials)
    client = mlflow.MlflowClient(found.tracked)
    experiment = client.get_experiment_by_name("tune-ranker")
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 6
    assert {r.data.tags["search"] for r in runs} == {"tune-ranker-test"}
    again = search(settings, study, name="tune-ranker-test", samples=6, seed=3)
    assert [t.config for t in again.trials] == [t.config for t in found.trials]
