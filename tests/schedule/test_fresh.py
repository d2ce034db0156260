"""What counts as new, from a real event log; and the daily housekeeping over a real state folder."""

import json
import os
from datetime import timedelta

import pytest

from cluster.jobs.folders import JobFolder
from cluster.jobs.sql_store import SqlStore
from cluster.jobs.states import JobEvent
from cluster.jobs.types import JobSpec
from cluster.schedule.part import count_new
from naviyam.clock import FakeClock
from naviyam.feedback.events import FeedbackEvent
from naviyam.feedback.log import AppendLog
from naviyam.feedback.schema import FEEDBACK
from naviyam.settings import Settings
from tests.jobs.conftest import NOW
from training.housekeeping import keep_house, main


@pytest.fixture
def settings(tmp_path):
    return Settings.parse({"paths": {"state": str(tmp_path)}})


def write(settings, *rows):
    clock = FakeClock(current=NOW)
    log = AppendLog(settings.paths.events / FEEDBACK, clock=clock, window_s=0.0)
    for answer, kind, stars, hours in rows:
        at = NOW + timedelta(hours=hours)
        event = FeedbackEvent(
            user_id="u1",
            shop_id="s1",
            feedback_type=kind,
            interaction_id=answer,
            satisfaction_score=stars,
            recorded_at=at,
            happened_at=at,
            simulated=True,
        )
        log.append(event.to_record()).result()
    log.close()


def test_answers_that_were_chosen_from_or_liked_count_once(settings):
    write(
        settings,
        ("i_1", "clicked", None, 0),
        ("i_1", "ordered", None, 1),
        ("i_2", "rated", 5.0, 1),
        ("i_3", "rated", 2.0, 1),
        (None, "clicked", None, 1),
        ("i_4", "favorited", None, 2),
    )
    assert count_new(settings) == 3
    folder = settings.paths.state / "learn" / "r1"
    folder.mkdir(parents=True)
    held = {"now": (NOW + timedelta(hours=1.5)).isoformat(), "outcome": {}, "steps": {}}
    (folder / "journal.json").write_text(json.dumps(held))
    assert count_new(settings) == 1


def test_housekeeping_compacts_and_removes_old_logs_of_jobs(settings, capsys, monkeypatch):
    write(settings, ("i_1", "clicked", None, 0))
    store = SqlStore.of(settings)
    folders = []
    for days in (31, 29):
        spec = JobSpec(kind="nlu", module="training.nlu")
        job = store.submit(spec, now=NOW, max_queued=50)
        ended = {"ended_at": NOW - timedelta(days=days)}
        store.move(job, JobEvent.CANCELLED, now=NOW, changes=ended)
        folders.append(JobFolder.of(settings, job.id).path)
        folders[-1].mkdir(parents=True)
    done = keep_house(settings, FakeClock(current=NOW))
    assert done["job_folders_removed"] == 1
    assert [folder.exists() for folder in folders] == [False, True]
    assert keep_house(settings, FakeClock(current=NOW))["job_folders_removed"] == 0
    monkeypatch.setenv("NAVIYAM__PATHS__STATE", os.fspath(settings.paths.state))
    assert main([]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {
        "events",
        "sets_removed",
        "job_folders_removed",
    }
