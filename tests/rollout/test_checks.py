import numpy as np
import pytest

from cluster.rollout.checks import (
    log_ratio_evidence,
    log_share_evidence,
    sample_ratio,
    share,
)

# confseq 0.0.11, confseq.boundaries.beta_binomial_log_mixture(s, v, v_opt=100, g, 1 - g, 0.05, is_one_sided=True), built from
# its source: sum over the null s, variance v, null rate g, log of the mixture.
CONFSEQ = (
    (10, 100, 0.20, -0.0713401890),
    (10, 100, 0.05, -0.0686807928),
    (0, 50, 0.20, -0.6992163584),
    (0, 50, 0.05, -0.6859860518),
    (-5, 30, 0.20, -1.0135838324),
    (-5, 30, 0.05, -0.9959516661),
    (20, 60, 0.20, 2.3792624219),
    (20, 60, 0.05, 2.3000966261),
)


@pytest.mark.parametrize(("s", "v", "g", "expected"), CONFSEQ)
def test_the_evidence_of_a_share_is_confseqs(s, v, g, expected):
    spread = -2 * np.log(2 * 0.05)
    r = 100 / (spread + np.log1p(spread)) - g * (1 - g)
    n = v / (g * (1 - g))
    prior = (r / (1 - g), r / g)
    found = log_share_evidence(np.array(n * g + s), np.array(n), g, prior=prior)
    assert found == pytest.approx(expected, abs=1e-8)


def judged(event, *, every_s=60.0, users=None, **options):
    n = len(event)
    return share(
        "errors",
        np.array(event, bool),
        np.arange(n) * every_s,
        np.arange(n) if users is None else np.array(users),
        **{"limit": 0.05, "null": 0.025, "least": 30, "alpha": 0.01, **options},
    )


def test_a_handful_of_events_breaches_nothing():
    assert not judged([True] * 29).breached
    assert not judged([True, True] + [False] * 30).breached
    assert not judged([True] * 40, users=[0] * 40).breached, "one user who retries"
    assert not judged([]).judged


def test_a_rate_far_above_its_limit_breaches_as_soon_as_there_is_enough():
    found = judged([i % 2 == 0 for i in range(60)])
    assert (found.breach.at, found.breach.events, found.breach.hour) == (29, 15, False)


def test_a_burst_after_a_long_time_without_events_breaches_within_its_hour():
    found = judged([False] * 6000 + [True, False] * 60)
    assert found.breach.hour
    assert 6000 < found.breach.at < 6060
    assert found.share < 0.05


def test_a_breach_is_the_same_at_every_later_look():
    events = [False] * 600 + [True] * 40 + [False] * 3000
    at_once = judged(events[:645])
    assert at_once.breached
    assert judged(events).breach == at_once.breach


@pytest.mark.slow
def test_a_harmless_rate_seldom_breaches():
    rng = np.random.default_rng(5)
    breached = sum(judged(rng.random(4000) < 0.025, alpha=0.1).breached for _ in range(300))
    assert breached / 300 <= 0.1


def ratio(candidate, users, weight):
    return sample_ratio(
        np.array(candidate), np.array(users), np.array(weight), least=30, alpha=0.001
    )


def test_a_split_that_is_as_asked_for_is_none_of_its_business():
    assert not ratio([100, 260], [1000, 1000], [0.1, 0.25]).breached
    assert not ratio([100, 260], [1000, 1000], [0.1, 0.25]).doubtful


def test_a_split_that_is_not_is_found_over_weights_that_changed():
    assert ratio([75, 195], [1000, 1000], [0.1, 0.25]).breached
    assert not ratio([75], [1000], [0.1]).breached
    assert ratio([75], [1000], [0.1]).doubtful


def test_little_says_nothing_and_weights_of_0_and_1_say_nothing():
    assert not ratio([20], [20], [0.1]).judged
    found = ratio([5, 500], [500, 500], [0.0, 1.0])
    assert (found.judged, found.breached, found.users) == (False, False, 0)


@pytest.mark.slow
def test_a_right_split_is_seldom_called_wrong_however_often_it_is_looked_at():
    rng = np.random.default_rng(2)
    weight = np.array([0.1, 0.25])
    false = 0
    for _ in range(400):
        came = np.concatenate((rng.random(500) < 0.1, rng.random(1500) < 0.25))
        at_10, at_25 = np.arange(2000) < 500, np.arange(2000) >= 500
        k = np.stack([np.cumsum(came & at_10), np.cumsum(came & at_25)], axis=-1)
        n = np.stack([np.cumsum(at_10), np.cumsum(at_25)], axis=-1)
        false += bool(log_ratio_evidence(k, n, weight).max() >= np.log(1 / 0.05))
    assert false / 400 <= 0.05
