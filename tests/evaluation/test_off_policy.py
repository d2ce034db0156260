"""The estimators against a world whose truth is known: tastes, a reader that goes from the top, a policy that explores."""

from dataclasses import dataclass

import numpy as np
import pytest

from naviyam.errors import InputError
from naviyam.evaluation.off_policy import Logged, Target, compare, evaluate, weights
from naviyam.ranker.explore import propensities

POOL, SHOWN, USERS, TEMPERATURE = 4, 2, 150, 1.0
LOOKS = np.array([1.0, 0.5])
EMPTY = np.zeros((0, SHOWN))


@dataclass(frozen=True)
class SimulatedWorld:
    """Answers drawn by `served`; `like` is how likely each shop of the pool is chosen by one who looks at it."""

    served: np.ndarray
    like: np.ndarray
    order: np.ndarray
    logged: Logged

    @classmethod
    def make(cls, seed: int, *, answers: int = 800) -> "SimulatedWorld":
        rng = np.random.default_rng(seed)
        like, served = rng.beta(2, 2, size=(2, answers, POOL))
        order = np.argsort(-(served / TEMPERATURE + rng.gumbel(size=served.shape)))[:, :SHOWN]
        worth = np.exp(served / TEMPERATURE)
        taken = np.take_along_axis(worth, order, axis=1)
        left = worth.sum(axis=1, keepdims=True) - np.cumsum(taken, axis=1) + taken
        chance = np.take_along_axis(like, order, axis=1) * LOOKS
        logged = Logged(
            propensity=taken / left,
            reward=(rng.random(chance.shape) < chance).astype(float),
            user=rng.integers(0, USERS, answers),
        )
        return cls(served=served, like=like, order=order, logged=logged)

    def true_value(self, score: np.ndarray) -> float:
        best = np.argsort(-score, axis=1)[:, :SHOWN]
        return float((np.take_along_axis(self.like, best, axis=1) * LOOKS).sum(axis=1).mean())

    def target(self, score: np.ndarray, model: np.ndarray) -> Target:
        """A policy that shows the best by `score`; the reward model expects model x looks."""
        parts = np.zeros((3, len(score), SHOWN))
        for k in range(SHOWN):
            left = score.copy()
            np.put_along_axis(left, self.order[:, :k], -np.inf, axis=1)
            here = self.order[:, k]
            parts[0][:, k] = left.argmax(axis=1) == here
            parts[2][:, k] = _goes_on(left.copy(), model, k)
            after, at = left.copy(), np.arange(len(score))
            after[at, here] = -np.inf
            parts[1][:, k] = model[at, here] * LOOKS[k] + _goes_on(after, model, k + 1)
        return Target(probability=parts[0], expected_served=parts[1], expected=parts[2])


def _goes_on(left: np.ndarray, model: np.ndarray, k: int) -> np.ndarray:
    total, at = np.zeros(len(left)), np.arange(len(left))
    for rank in range(k, SHOWN):
        best = left.argmax(axis=1)
        total += model[at, best] * LOOKS[rank]
        left[at, best] = -np.inf
    return total


@pytest.fixture(scope="module")
def runs():
    """Estimates of the policy that knows the tastes, in several worlds, with a middling reward model."""
    found = []
    for seed in range(40):
        world = SimulatedWorld.make(seed)
        noise = np.random.default_rng(seed).normal(0, 0.1, world.like.shape)
        target = world.target(world.like, np.clip(world.like + noise, 0, 1))
        value = evaluate(world.logged, target, draws=200)
        found.append((world.true_value(world.like), value.estimates))
    return found


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_the_truth_lies_in_the_interval_in_most_worlds(runs, name):
    inside = sum(e[name].low <= truth <= e[name].high for truth, e in runs)
    assert inside >= 34
    bias = np.mean([e[name].mean - truth for truth, e in runs])
    assert abs(bias) < 0.04


def test_what_was_served_says_another_value(runs):
    """Unweighted figures are of the policy that served."""
    assert all(e["naive"].high < truth for truth, e in runs)


def test_doubly_robust_errs_least(runs):
    def spread(name):
        return np.mean([(e[name].mean - truth) ** 2 for truth, e in runs]) ** 0.5

    def width(name):
        return np.mean([e[name].high - e[name].low for _, e in runs])

    assert spread("dr") < 0.8 * spread("ips")
    assert width("dr") < 0.8 * width("ips")
    assert width("dr") < width("snips")


def test_a_useless_reward_model_does_no_harm_to_the_mean():
    errors = []
    for seed in range(40):
        world = SimulatedWorld.make(100 + seed)
        target = world.target(world.like, np.full(world.like.shape, 0.5))
        value = evaluate(world.logged, target, draws=10)
        errors.append(value.estimates["dr"].mean - world.true_value(world.like))
    assert abs(np.mean(errors)) < 0.04


def test_the_better_of_two_policies_is_told_with_an_interval_above_zero():
    world = SimulatedWorld.make(3)
    good, bad = (world.target(s, world.like) for s in (world.like, -world.like))
    better, worse, difference = compare(world.logged, good, bad, draws=300)
    truth = world.true_value(world.like) - world.true_value(-world.like)
    assert difference["dr"].low > 0
    assert difference["dr"].low < truth < difference["dr"].high
    assert difference["dr"].mean == pytest.approx(
        better.estimates["dr"].mean - worse.estimates["dr"].mean
    )
    same = compare(world.logged, good, good, draws=50)[2]["ips"]
    assert (same.mean, same.low, same.high) == (0, 0, 0)


def test_the_policy_that_served_is_worth_what_was_seen():
    scores = [0.9, 0.4, 0.1]
    order = np.array([[0, 1]] * 50)
    ones = np.ones((50, 2))
    reward = np.tile([1.0, 0.0], (50, 1))
    p = np.array([propensities(o, scores, share=0.0, temperature=1) for o in order])
    logged = Logged(propensity=p, reward=reward, user=np.arange(50))
    value = evaluate(logged, Target(probability=ones, expected_served=0 * ones, expected=0 * ones))
    assert {e.mean for e in value.estimates.values()} == {1.0}
    assert value.effective_sample_size == pytest.approx(50)
    assert value.clipped_share == 0


def test_the_effective_sample_size_counts_answers_of_the_target_and_clipping_is_told():
    p = np.array([[0.5], [0.5], [0.01], [1.0]])
    logged = Logged(propensity=p, reward=np.zeros((4, 1)), user=np.arange(4))
    take = Target(
        probability=np.array([[1.0], [1.0], [1.0], [0.0]]),
        expected_served=np.zeros((4, 1)),
        expected=np.zeros((4, 1)),
    )
    assert weights(logged, take, clip=10.0)[:, 0].tolist() == [2, 2, 10, 0]
    value = evaluate(logged, take, clip=10.0, draws=5)
    assert value.effective_sample_size == pytest.approx(14**2 / 108)
    assert value.clipped_share == 0.25


def test_the_interval_draws_users_not_answers():
    """A hundred answers of two users know less than a hundred of a hundred users."""
    reward = np.repeat([[1.0], [0.0]], 50, axis=0)
    ones = np.ones((100, 1))
    target = Target(probability=ones, expected_served=0 * ones, expected=0 * ones)
    few = evaluate(Logged(propensity=ones, reward=reward, user=np.repeat([4, 9], 50)), target)
    many = evaluate(Logged(propensity=ones, reward=reward, user=np.arange(100)), target)
    assert few.estimates["ips"].high - few.estimates["ips"].low > 0.9
    assert many.estimates["ips"].high - many.estimates["ips"].low < 0.25


@pytest.mark.parametrize(
    ("propensity", "reward", "user"),
    [([[0.0]], [[1.0]], [1]), ([[1.2]], [[1.0]], [1]), ([[0.5]], [[1.0], [0.0]], [1])],
)
def test_a_log_that_cannot_be_weighed_is_refused(propensity, reward, user):
    with pytest.raises(InputError):
        Logged(propensity=np.array(propensity), reward=np.array(reward), user=np.array(user))


def test_nothing_cannot_be_weighed():
    nothing = Logged(propensity=EMPTY, reward=EMPTY, user=np.zeros(0, int))
    with pytest.raises(InputError, match="no row"):
        evaluate(nothing, Target(probability=EMPTY, expected_served=EMPTY, expected=EMPTY))


def test_the_world_draws_as_the_service_does():
    world = SimulatedWorld.make(1, answers=20)
    for order, served, chance in zip(
        world.order, world.served, world.logged.propensity, strict=True
    ):
        expected = propensities(order.tolist(), served.tolist(), share=1.0, temperature=TEMPERATURE)
        assert chance == pytest.approx(expected)
