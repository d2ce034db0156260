"""Every store holds the same contract: memory, SQLite, PostgreSQL."""

import threading
from datetime import timedelta

import pytest

from cluster.jobs.states import ENDED, TRANSITIONS, JobEvent, JobState, TransitionError, after
from cluster.jobs.types import ErrorKind
from naviyam.errors import NotFoundError, OverloadedError
from tests.jobs.conftest import NOW


def test_a_job_comes_back_as_it_was_given(store, spec):
    asked = spec(arguments=("--config", "한글.yaml"), priority=3, dedup_key="k", who="min")
    job = store.submit(asked, now=NOW, max_queued=50)
    assert store.job(job.id) == job
    assert (job.spec, job.state, job.submitted_at, job.attempt) == (asked, "queued", NOW, 0)
    assert store.submit(asked, now=NOW, max_queued=50) == job
    with pytest.raises(NotFoundError, match="jobs list"):
        store.job("nope")


def test_moves_are_compare_and_set_and_leave_a_history(store, spec):
    job = store.submit(spec(), now=NOW, max_queued=50)
    store.note(job.id, "the machine is busy")
    later = NOW + timedelta(seconds=1.5)
    begun = store.move(job, JobEvent.CHOSEN, now=later, changes={"attempt": 1, "started_at": later})
    assert (begun.state, begun.waits_for, begun.submission) == ("starting", "", f"{job.id}-1")
    assert store.move(job, JobEvent.CHOSEN, now=later, changes={"attempt": 1}) is None
    with pytest.raises(TransitionError, match=r"starting cannot be chosen"):
        store.move(begun, JobEvent.CHOSEN, now=later)
    lost = {"error": ErrorKind.TRANSIENT, "reason": "lost", "not_before": later}
    again = store.move(begun, JobEvent.RETRIED, now=later, changes=lost)
    assert store.job(job.id) == again
    assert (again.error, again.not_before, again.started_at) == (ErrorKind.TRANSIENT, later, later)
    assert [(c.event, c.state, c.attempt) for c in store.history(job.id)] == [
        (None, "queued", 0),
        ("chosen", "starting", 1),
        ("retried", "queued", 1),
    ]


def test_a_full_queue_refuses_and_says_the_way_out(store, spec):
    for _ in range(3):
        store.submit(spec(dedup_key=""), now=NOW, max_queued=3)
    with pytest.raises(OverloadedError, match=r"3 jobs wait, at most 3.*jobs cancel"):
        store.submit(spec(), now=NOW, max_queued=3)
    oldest = store.jobs()[-1]
    store.move(oldest, JobEvent.CHOSEN, now=NOW, changes={"attempt": 1})
    assert store.submit(spec(), now=NOW, max_queued=3).number == 4


def test_jobs_are_listed_by_state_newest_first(store, spec):
    one, two, three = (store.submit(spec(), now=NOW, max_queued=50) for _ in range(3))
    store.move(two, JobEvent.CANCELLED, now=NOW)
    assert [j.id for j in store.jobs()] == [three.id, two.id, one.id]
    assert [j.id for j in store.jobs(states=ENDED)] == [two.id]
    assert [j.id for j in store.jobs(limit=1)] == [three.id]


def test_a_dependency_must_exist(store, spec):
    first = store.submit(spec(), now=NOW, max_queued=50)
    assert store.submit(spec(after=(first.id,)), now=NOW, max_queued=50).spec.after == (first.id,)
    with pytest.raises(NotFoundError):
        store.submit(spec(after=("gone",)), now=NOW, max_queued=50)


def test_a_request_to_cancel_is_kept_beside_the_state(store, spec):
    job = store.submit(spec(), now=NOW, max_queued=50)
    assert store.ask_cancel(job.id, "min: no need").cancel == "min: no need"
    assert store.ask_cancel(job.id, "other").cancel == "min: no need"
    moved = store.move(job, JobEvent.CHOSEN, now=NOW, changes={"attempt": 1})
    assert moved.cancel == "min: no need"
    ended = store.move(moved, JobEvent.CANCELLED, now=NOW, changes={"ended_at": NOW})
    assert store.ask_cancel(job.id, "late") == ended
    with pytest.raises(NotFoundError):
        store.ask_cancel("gone", "x")


def test_documents_and_leases(store):
    assert store.read("schedule") == {}
    assert store.change("schedule", lambda d: {**d, "paused": True}) == {"paused": True}
    assert store.read("schedule") == {"paused": True}
    assert store.acquire("controller", "a", now=NOW, ttl_s=10)
    assert not store.acquire("controller", "b", now=NOW + timedelta(seconds=9), ttl_s=10)
    assert store.acquire("controller", "a", now=NOW + timedelta(seconds=9), ttl_s=10)
    assert not store.acquire("controller", "b", now=NOW + timedelta(seconds=18), ttl_s=10)
    assert store.acquire("controller", "b", now=NOW + timedelta(seconds=19), ttl_s=10)
    store.release("controller", "a")
    assert not store.acquire("controller", "a", now=NOW + timedelta(seconds=19), ttl_s=10)
    store.release("controller", "b")
    assert store.acquire("controller", "a", now=NOW + timedelta(seconds=19), ttl_s=10)


def test_eight_at_once_neither_pass_the_limit_nor_lose_a_change(store, spec):
    refused, ids, won = [], [], []
    contested = store.submit(spec(), now=NOW, max_queued=50)

    def work():
        for _ in range(3):
            try:
                ids.append(store.submit(spec(), now=NOW, max_queued=11).id)
            except OverloadedError as e:
                refused.append(e)
            store.change("count", lambda d: {"n": d.get("n", 0) + 1})
        won.append(store.move(contested, JobEvent.CANCELLED, now=NOW))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waiting = store.jobs(states=frozenset((JobState.QUEUED,)))
    assert len(waiting) <= 11
    assert len(ids) == len(set(ids))
    assert len(ids) + len(refused) == 24
    assert store.read("count") == {"n": 24}
    assert sum(each is not None for each in won) == 1


def test_every_state_and_event_has_an_answer():
    for state in JobState:
        for event in JobEvent:
            if (state, event) in TRANSITIONS:
                assert after(state, event) == TRANSITIONS[state, event]
            else:
                with pytest.raises(TransitionError, match=f"{state.value}.*{event.value}"):
                    after(state, event)
    assert not [s for s, _ in TRANSITIONS if s in ENDED]
