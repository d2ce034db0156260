"""Made-up answers of experiments."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cluster.rollout.observed import Seen

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
DAY_S = 86_400.0


def at(seconds: float) -> datetime:
    """Return the time so many seconds after the experiment began."""
    return BEGAN + timedelta(seconds=seconds)


def seen(user: str, arm: str = "stable", after_s: float = 0.0, **facts) -> Seen:
    """Make an answer `after_s` seconds after the experiment began."""
    return Seen(user_id=user, arm=arm, at=at(after_s), **{"latency_s": 1.0, **facts})


def crowd(
    users: int,
    *,
    weight: float = 0.5,
    clicks: tuple[float, float] = (0.3, 0.3),
    stars: tuple[float, float] | None = None,
    errors: tuple[float, float] = (0.0, 0.0),
    unsafe: tuple[float, float] = (0.0, 0.0),
    slowness: float = 1.0,
    every_s: float = 60.0,
    from_s: float = 0.0,
    seed: int = 1,
    prefix: str = "u",
) -> tuple[Seen, ...]:
    """Make the answers of users who come one after the other, each in an arm by chance; pairs are stable, candidate."""
    rng = random.Random(seed)

    def answers() -> Iterator[Seen]:
        for i in range(users):
            side = int(rng.random() < weight)
            for k in range(rng.randint(1, 3)):
                yield seen(
                    f"{prefix}{i}",
                    ("stable", "candidate")[side],
                    from_s + i * every_s + k * 20,
                    latency_s=rng.lognormvariate(0, 0.3) * (slowness if side else 1),
                    clicked=rng.random() < clicks[side],
                    satisfaction=None if stars is None else _stars(rng, stars[side]),
                    error=rng.random() < errors[side],
                    unsafe=rng.random() < unsafe[side],
                )

    return tuple(answers())


def _stars(rng: random.Random, mean: float) -> float:
    return float(min(5, max(1, round(rng.gauss(mean, 0.8)))))
