"""The rules of the queue, each at its limit."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cluster.jobs import policy
from cluster.jobs.memory_store import MemoryStore
from cluster.jobs.states import JobState
from cluster.jobs.types import ErrorKind, Load, Retry
from cluster.programs import LOST, SAID_WHY
from naviyam.settings import Jobs
from tests.jobs.conftest import NOW

LIMITS = Jobs()
FREE = Load(cpu=0.85, memory=0.80, gpu=0.90)


@pytest.fixture
def job(spec):
    held = MemoryStore().submit(spec(), now=NOW, max_queued=50)
    return replace(held, attempt=1, state=JobState.RUNNING)


def start(job, *, needed=None, running=0, load=FREE, now=NOW):
    return policy.can_start(job, needed or {}, running=running, load=load, limits=LIMITS, now=now)


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (SAID_WHY, "too few rows: 3 of 100", ErrorKind.BAD),
        (2, "unrecognized arguments: --fast", ErrorKind.BAD),
        (SAID_WHY, "Traceback ...\nMemoryError", ErrorKind.MEMORY),
        (SAID_WHY, "torch.OutOfMemoryError: CUDA out of memory.", ErrorKind.MEMORY),
        (
            -9,
            "x ended with -9:\nthe kernel ended a process for memory (oom-kill)",
            ErrorKind.MEMORY,
        ),
        (-9, "x ended with -9:", ErrorKind.TRANSIENT),
        (-15, "", ErrorKind.TRANSIENT),
        (LOST, "the head restarts", ErrorKind.TRANSIENT),
        (None, "the cluster does not know the attempt any more", ErrorKind.TRANSIENT),
    ],
)
def test_errors_are_classified_by_code_and_last_words(code, words, kind):
    assert policy.classify(code, words) is kind


def test_transient_errors_back_off_doubled_and_bounded_until_the_last_attempt(job):
    waits = []
    for attempt in (1, 2, 3):
        found = policy.after_failure(
            replace(job, attempt=attempt), ErrorKind.TRANSIENT, "killed", LIMITS, NOW
        )
        waits.append((found.not_before - NOW).total_seconds())
    assert waits == [10, 20, 40]
    assert policy.backoff_s(40, LIMITS) == LIMITS.max_backoff_s
    last = policy.after_failure(
        replace(job, attempt=4), ErrorKind.TRANSIENT, "a\nkilled", LIMITS, NOW
    )
    assert last.reason == "transient in attempt 4 of 4 (jobs.max_attempts): killed"


def test_out_of_memory_is_tried_once_with_half_the_batch(job, spec):
    found = policy.after_failure(job, ErrorKind.MEMORY, "MemoryError", LIMITS, NOW)
    assert found.batch_scale == 0.5
    halved = replace(job, attempt=2, batch_scale=0.5, error=ErrorKind.MEMORY)
    assert halved.arguments()[-2:] == ("--batch-scale", "0.5")
    again = policy.after_failure(halved, ErrorKind.MEMORY, "MemoryError", LIMITS, NOW)
    assert isinstance(again, policy.GiveUp)
    whole = replace(job, spec=spec(shrinks=False))
    found = policy.after_failure(whole, ErrorKind.MEMORY, "MemoryError", LIMITS, NOW)
    assert found.batch_scale == 1.0


def test_a_lost_attempt_between_two_without_memory_does_not_give_it_a_third(job):
    job = replace(job, attempt=3, batch_scale=0.5, error=ErrorKind.TRANSIENT)
    found = policy.after_failure(job, ErrorKind.MEMORY, "MemoryError", LIMITS, NOW)
    assert isinstance(found, policy.GiveUp)


@pytest.mark.parametrize("kind", [ErrorKind.BAD, ErrorKind.DEADLINE])
def test_what_would_fail_again_is_not_tried_again(job, kind):
    assert isinstance(policy.after_failure(job, kind, "why", LIMITS, NOW), policy.GiveUp)


def test_a_job_may_ask_for_no_second_attempt(job, spec):
    job = replace(job, spec=spec(retry=Retry.NEVER))
    found = policy.after_failure(job, ErrorKind.TRANSIENT, "killed", LIMITS, NOW)
    assert isinstance(found, policy.GiveUp)


def test_the_gate_opens_at_its_limits_and_says_what_is_above_them(job):
    assert start(job) is None
    assert start(job, load=Load(cpu=0.1, memory=0.1)) is None
    assert start(job, load=replace(FREE, cpu=0.86)).reason == (
        "cpu at 86%, a job starts at 85% or less (jobs.gate.cpu)"
    )
    assert start(job, load=replace(FREE, memory=0.81)).code == "memory"
    assert start(job, load=replace(FREE, gpu=0.91)).code == "gpu"
    assert start(job, load=None).code == "load"


def test_a_job_waits_for_places_backoff_and_dependencies(job, spec):
    assert start(job, running=1) is None
    assert start(job, running=2).code == "running"
    later = replace(job, not_before=NOW + timedelta(seconds=1))
    assert start(later).code == "backoff"
    assert start(later, now=NOW + timedelta(seconds=1)) is None
    behind = replace(job, spec=spec(after=("a", "b")))
    done = {"a": JobState.SUCCEEDED}
    assert "b (running)" in start(behind, needed={**done, "b": JobState.RUNNING}).reason
    assert start(behind, needed={**done, "b": JobState.SUCCEEDED}) is None
    assert "b, which is failed" in policy.failed_dependency(behind, {**done, "b": JobState.FAILED})


def test_a_deadline_counts_from_the_first_start(job, spec):
    job = replace(job, spec=spec(deadline_s=60), started_at=NOW)
    assert policy.past_deadline(job, LIMITS, NOW + timedelta(seconds=60)) == ""
    assert "60 s" in policy.past_deadline(job, LIMITS, NOW + timedelta(seconds=61))
    assert policy.past_deadline(replace(job, started_at=None), LIMITS, NOW) == ""
