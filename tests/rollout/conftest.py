import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cluster.rollout.observed import Seen

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def seen(user: str, arm: str = "stable", *, after_s: float = 0.0, **facts) -> Seen:
    """Make an answer `after_s` seconds after the experiment began."""
    at = BEGAN + timedelta(seconds=after_s)
    return Seen(user_id=user, arm=arm, at=at, **{"latency_s": 1.0, **facts})


@pytest.fixture
def crowd() -> Callable[..., tuple[Seen, ...]]:
    """Make the answers of `users` users, one every `every_s` seconds, each in an arm by chance."""

    def make(
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
        rng = random.Random(seed)

        def answers() -> Iterator[Seen]:
            for i in range(users):
                side = int(rng.random() < weight)
                for k in range(rng.randint(1, 3)):
                    yield seen(
                        f"{prefix}{i}",
                        ("stable", "candidate")[side],
                        after_s=from_s + i * every_s + k * 20,
                        latency_s=rng.lognormvariate(0, 0.3) * (slowness if side else 1),
                        clicked=rng.random() < clicks[side],
                        satisfaction=None
                        if stars is None
                        else min(5.0, max(1.0, round(rng.gauss(stars[side], 0.8)))),
                        error=rng.random() < errors[side],
                        unsafe=rng.random() < unsafe[side],
                    )

        return tuple(answers())

    return make
