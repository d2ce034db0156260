from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cluster.cli.main import run
from cluster.cli.rollout_bench import METHODS, decide, measure
from cluster.cli.rollout_trial import SCENARIOS, Trial
from cluster.rollout.analysis import analyse
from cluster.rollout.observed import Seen
from cluster.rollout.outcomes import WeightChange
from cluster.rollout.verdict import Course, judge
from naviyam.settings import Release, Rollout

NAMED = {scenario.name: scenario for scenario in SCENARIOS}
USERS_A_DAY = 1000


def trial(name, run=0, **options):
    rng = np.random.default_rng([1, run])
    return Trial(NAMED[name], Rollout(**options), USERS_A_DAY, rng)


def rows(name, runs, users_a_day=USERS_A_DAY, **options):
    found = measure(
        NAMED[name],
        runs=runs,
        seed=1,
        users_a_day=users_a_day,
        rollout=Rollout(**options),
        release=Release(),
    )
    return {row.method: row for row in found}


def replayed(found: Trial, rollout: Rollout, looks_s) -> list[str]:
    """Return the controller's actions at some looks: from single answers, without a short cut."""
    answers = found.answers
    stars = 1 + 4 * answers.satisfaction
    stream = [
        Seen(
            user_id=f"u{answers.user[i]}",
            arm="candidate" if answers.candidate[i] else "stable",
            at=datetime.fromtimestamp(answers.at_s[i], UTC),
            latency_s=float(answers.latency_s[i]),
            clicked=bool(answers.clicked[i]),
            ordered=bool(answers.ordered[i]),
            satisfaction=None if np.isnan(stars[i]) else float(stars[i]),
            error=bool(answers.error[i]),
            unsafe=bool(answers.unsafe[i]),
        )
        for i in range(len(answers.user))
    ]
    changes = [
        WeightChange(at=datetime.fromtimestamp(start, UTC), weight=weight)
        for start, weight in zip(found.periods.start_s, found.periods.weight, strict=True)
    ]
    actions = []
    for now_s in looks_s:
        now = datetime.fromtimestamp(now_s, UTC)
        step = int(found.periods.index(np.array([now_s - 1]))[0])
        analysis = analyse(stream, weights=changes[: step + 1], settings=rollout, now=now)
        in_step = now - changes[step].at
        course = Course(
            layer="ranker",
            offline_gain=0.04,
            step=step,
            in_step_s=in_step / timedelta(seconds=1),
            age_s=0.0,
        )
        actions.append(judge(analysis, course, rollout=rollout, release=Release()).action)
    return actions


@pytest.mark.slow
@pytest.mark.parametrize("name", ["A/A", "-20 % CTR", "+10 % CTR", "error burst", "SRM"])
def test_the_bench_decides_as_the_controller_would(name):
    rollout = Rollout(max_days=3)
    found = trial(name, max_days=3)
    ours = decide(found, rollout, Release())
    before = found.looks_s[found.looks_s < ours.at_s][:-1:12]
    *earlier, last = replayed(found, rollout, [*before, ours.at_s])
    assert set(earlier) <= {"hold", "advance"}
    assert last == ours.outcome or (last in ("hold", "advance") and ours.outcome == "none")


def test_a_trial_steps_up_once_its_minimums_are_met():
    periods = trial("A/A", max_days=4).periods
    assert periods.weight.tolist() == [0.1, 0.25, 0.5]
    assert periods.start_s[1] >= 86_400
    assert np.diff(periods.start_s)[1] >= 12 * 3600


def test_a_trial_is_the_same_again():
    assert rows("-20 % CTR", 2, max_days=3) == rows("-20 % CTR", 2, max_days=3)


def test_what_must_be_seen_is_seen():
    assert rows("-20 % CTR", 6, max_days=6)["naviyam"].right == 1.0
    assert rows("swapped arms", 6, max_days=1)["naviyam"].right == 1.0
    burst = rows("error burst", 4, users_a_day=4000)["naviyam"]
    assert burst.right == 1.0
    assert burst.median_days < 0.1


def test_nothing_is_decided_without_a_difference_and_a_naive_test_decides():
    found = rows("A/A", 20, max_days=4)
    assert found["naviyam"].wrong == 0
    assert found["naive t-test"].wrong > 0.2
    assert rows("low traffic", 10)["naviyam"].wrong == 0


def test_the_command_prints_a_row_for_every_method(capsys, tmp_path):
    config = tmp_path / "settings.yaml"
    config.write_text("rollout: {max_days: 1}\n")
    code = run(["bench", "rollout", "--runs", "1", "--users-a-day", "50", "--config", str(config)])
    shown = capsys.readouterr().out
    assert code == 0
    assert "simulated" in shown
    for each in (*METHODS, *NAMED):
        assert each in shown
