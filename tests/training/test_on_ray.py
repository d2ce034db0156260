"""The same loops in Ray's workers: the plain loop's weights, through a killed worker too, and a search that stops early."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from naviyam.settings import Settings
from training.lora.loop import train
from training.nlu.train import Trainee as NluTrainee
from training.wide_deep.fit import Trainee, windows_of

pytestmark = pytest.mark.ray


def _with(settings, **changes):
    distributed = settings.distributed.model_copy(update=changes)
    return settings.model_copy(update={"distributed": distributed})


def _die_once(marker, epoch):
    if epoch == 2 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_s_weights_are_the_plain_loop_s_though_it_was_killed(small, on_ray, tmp_path):
    from training.wide_deep.on_ray import fit_on_ray  # noqa: PLC0415

    task, rows = small.ranker_task(epochs=2, shuffle_window=130)  # three windows stream by
    plain = Trainee(task).fit(windows_of(rows, task))
    marker = tmp_path / "killed"
    fitted = fit_on_ray(
        _with(on_ray, checkpoint_every_s=0.0),  # every epoch
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


def _note(path, progress):
    with path.open("a") as file:
        file.write(json.dumps([progress.step, progress.loss, progress.perplexity]) + "\n")


def _noted(path):
    return {tuple(json.loads(line)) for line in path.read_text().splitlines()}


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_workers_learn_as_the_plain_loop_from_the_same_steps(small, on_ray, tmp_path, strategy):
    from training.lora.on_ray import LoraJob, train_on_ray  # noqa: PLC0415

    base, corpus = small.tiny_base(tmp_path / "base"), small.tiny_corpus()
    config = small.tiny_training(report_every=1)
    alone, shared = tmp_path / "alone.jsonl", tmp_path / "shared.jsonl"
    plain = train(base, corpus, tmp_path / "plain", config, report=partial(_note, alone))
    job = LoraJob(
        settings=_with(on_ray, strategy=strategy),
        corpus=corpus,
        config=config,
        base=base,
        told=partial(_note, shared),
    )
    made = train_on_ray(job, tmp_path / "made", name=f"lora-{strategy}", workers=2)
    assert made == pytest.approx(plain, rel=1e-2)
    steps = {step: (loss, perplexity) for step, loss, perplexity in _noted(alone)}
    told = _noted(shared)
    assert {step for step, *_ in told} == set(steps)
    for step, loss, _ in told:
        assert loss == pytest.approx(steps[step][0], rel=1e-2)
    weights = [load_file(tmp_path / x / "adapter_model.safetensors") for x in ("plain", "made")]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, atol=2e-2, rtol=2e-2)


def _die_once_in_one(marker, epoch):
    import ray.train  # noqa: PLC0415

    if ray.train.get_context().get_world_rank() == 1:
        _die_once(marker, epoch)


def test_two_workers_train_the_classifier_as_one_process_though_one_was_killed(
    small, on_ray, tmp_path
):
    from training.nlu.on_ray import fit_on_ray  # noqa: PLC0415

    task, marker = small.nlu_task(), tmp_path / "killed"
    made = fit_on_ray(
        _with(on_ray, checkpoint_every_s=0.0),
        task,
        name="nlu",
        workers=2,
        after_epoch=partial(_die_once_in_one, marker),
    )
    assert marker.exists()
    for name, tensor in NluTrainee(task).fit().items():
        torch.testing.assert_close(made[name], tensor, atol=1e-4, rtol=1e-3)


def _complete(unsendable, *_):
    return {}


def test_a_search_ends_the_hopeless_early_and_tracks_every_trial(small, on_ray, tmp_path):
    import mlflow  # noqa: PLC0415

    from training.tune.on_ray import search  # noqa: PLC0415
    from training.tune.studies import RankerStudy  # noqa: PLC0415

    task, rows = small.ranker_task(epochs=4)
    # A catalogue or an encoder cannot be sent to other processes; nor can a lock.
    study = RankerStudy(task=task, rows=rows, complete=partial(_complete, threading.Lock()))
    found = search(on_ray, study, name="tune-ranker-test", samples=4, seed=3)
    assert len(found.trials) == 4
    assert any(t.stopped for t in found.trials)
    assert not found.trials[0].stopped
    assert found.trials[0].loss == min(t.loss for t in found.trials)
    client = mlflow.MlflowClient(found.tracked)
    experiment = client.get_experiment_by_name("tune-ranker")
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 4
    assert {r.data.tags["search"] for r in runs} == {"tune-ranker-test"}
    again = search(on_ray, study, name="tune-ranker-test", samples=4, seed=3)
    assert [t.config for t in again.trials] == [t.config for t in found.trials]


def test_a_search_whose_driver_was_killed_goes_on_with_the_trials_that_are_left(on_ray, tmp_path):
    import ray  # noqa: PLC0415

    from tests.training import searching  # noqa: PLC0415

    marks, state = tmp_path / "marks", tmp_path / "state"
    settings = Settings.parse({"paths": {"state": str(state)}})
    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, "-m", "tests.training.searching", address, str(state), str(marks)]
    paths = os.pathsep.join([str(Path.cwd()), *filter(None, sys.path)])
    # Tune writes down what ended at most every 10 s; what it had not yet written would be tried again.
    environment = {**os.environ, "PYTHONPATH": paths, "TUNE_GLOBAL_CHECKPOINT_S": "0"}
    driver = subprocess.Popen(command, env=environment)
    begun = _wait_for_lines(marks, 3, driver)
    driver.kill()
    driver.wait()
    found = searching.run(settings, marks, pause_s=0.0)
    assert len(found.trials) == 4
    assert all(t.loss is not None for t in found.trials)
    again = marks.read_text().splitlines()[len(begun) :]
    assert not set(again) & set(begun[:2]), "what had ended was not tried again"
    assert {float(rate) for rate in {*begun, *again}} == {
        t.config["learning_rate"] for t in found.trials
    }


def _wait_for_lines(path, count, driver):
    while driver.poll() is None:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= count:
            time.sleep(2)  # the third trial is under way
            return lines
        time.sleep(0.1)
    raise AssertionError(f"the search ended by itself with {driver.returncode}")
