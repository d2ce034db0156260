"""Experiments as values: what is compared, how far its rollout is, and which changes of state there are. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from cluster.rollout.traffic import Split
from naviyam.arms import LAYERS, Layer
from naviyam.errors import ConflictError, InputError
from naviyam.settings import RolloutStep

MODEL_OF: Mapping[Layer, str] = {"adapter": "nlg", "ranker": "ranker"}
"""Layers whose versions are registered models, and their names in the registry; the others' are named in the settings."""


class State(StrEnum):
    """Where an experiment is."""

    RUNNING = "running"
    PAUSED = "paused"
    PROMOTING = "promoting"
    ROLLING_BACK = "rolling_back"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"
    INCONCLUSIVE = "inconclusive"


class Happening(StrEnum):
    """What may happen to an experiment."""

    STEP = "step"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    ABORT = "abort"
    EXPIRE = "expire"
    DONE = "done"


TRANSITIONS: Mapping[tuple[State, Happening], State] = {
    (State.RUNNING, Happening.STEP): State.RUNNING,
    (State.RUNNING, Happening.PAUSE): State.PAUSED,
    (State.RUNNING, Happening.PROMOTE): State.PROMOTING,
    (State.RUNNING, Happening.ROLL_BACK): State.ROLLING_BACK,
    (State.RUNNING, Happening.ABORT): State.ABORTED,
    (State.RUNNING, Happening.EXPIRE): State.INCONCLUSIVE,
    (State.PAUSED, Happening.RESUME): State.RUNNING,
    (State.PAUSED, Happening.PROMOTE): State.PROMOTING,
    (State.PAUSED, Happening.ROLL_BACK): State.ROLLING_BACK,
    (State.PAUSED, Happening.ABORT): State.ABORTED,
    (State.PAUSED, Happening.EXPIRE): State.INCONCLUSIVE,
    (State.PROMOTING, Happening.DONE): State.PROMOTED,
    (State.PROMOTING, Happening.ROLL_BACK): State.ROLLING_BACK,
    (State.ROLLING_BACK, Happening.DONE): State.ROLLED_BACK,
    (State.PROMOTED, Happening.ROLL_BACK): State.ROLLING_BACK,
}
"""What may follow what. PROMOTING and ROLLING_BACK are decided and written, but not yet carried out everywhere."""

OPEN = frozenset({State.RUNNING, State.PAUSED, State.PROMOTING, State.ROLLING_BACK})
"""States that hold a layer: another experiment on it has to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From when on which share of the users got the candidate; 0 while paused."""

    since: datetime
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One candidate against what serves, on one layer."""

    id: str
    layer: Layer
    stable: str
    candidate: str
    salt: str
    steps: tuple[RolloutStep, ...]
    created_at: datetime
    who: str
    offline_gain: float | None = None
    """Relative, as the evaluation before the rollout measured it; None where it was not measured."""

    state: State = State.RUNNING
    step: int = 0
    """Index of the step whose weight applies."""

    periods: tuple[Period, ...] = ()
    """Its weights so far, the current one last."""

    why: str = ""
    """What led to the state it is in."""

    @property
    def weight(self) -> float:
        """Share of the users that get the candidate now."""
        return self.periods[-1].weight if self.periods else 0.0

    @property
    def step_since(self) -> datetime:
        """When the current weight began."""
        return self.periods[-1].since if self.periods else self.created_at

    @property
    def model(self) -> str | None:
        """The candidate's name in the registry, None where it is a variant of the settings."""
        return MODEL_OF.get(self.layer)

    def age(self, now: datetime) -> timedelta:
        """Return how long it has been there."""
        return now - self.created_at

    def split(self) -> Split | None:
        """Return what replicas are to do; None where everybody gets what serves.

        One that is being promoted gives the candidate to everybody until the promoted version serves by itself.
        """
        if self.state is State.PROMOTING:
            return self._split(1.0)
        return self._split(self.weight) if self.state is State.RUNNING else None

    def _split(self, weight: float) -> Split:
        return Split(
            layer=self.layer,
            experiment=self.id,
            salt=self.salt,
            weight=weight,
            stable=self.stable,
            candidate=self.candidate,
        )

    def after(self, happening: Happening, *, why: str) -> Self:
        """Return it in the state that follows.

        Raises:
            ConflictError: that may not happen in this state.
        """
        following = TRANSITIONS.get((self.state, happening))
        if following is None:
            allowed = sorted(h.value for (s, h) in TRANSITIONS if s is self.state) or ["nothing"]
            raise ConflictError(
                f"experiment {self.id} is {self.state}: {happening} cannot follow; what can: {', '.join(allowed)}"
            )
        return replace(self, state=following, why=why)

    def resting(self, now: datetime) -> Self:
        """Return it with the stable arm for everybody from `now` on."""
        return replace(self, periods=(*self.periods, Period(since=now, weight=0.0)))

    def weighing(self, weight: float, now: datetime, *, step: int | None = None) -> Self:
        """Return it with another weight from `now` on.

        Raises:
            InputError: the weight is no share.
        """
        if not 0 < weight <= 1:
            raise InputError(
                f"weight {weight} is not above 0 and at most 1 (0.1 is a tenth of the users)",
                field="weight",
            )
        periods = (*self.periods, Period(since=now, weight=weight))
        return replace(self, periods=periods, step=self.step if step is None else step)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "id": self.id,
            "layer": self.layer,
            "stable": self.stable,
            "candidate": self.candidate,
            "salt": self.salt,
            "steps": [step.model_dump() for step in self.steps],
            "created_at": self.created_at.isoformat(),
            "who": self.who,
            "offline_gain": self.offline_gain,
            "state": self.state.value,
            "step": self.step,
            "periods": [{"since": p.since.isoformat(), "weight": p.weight} for p in self.periods],
            "why": self.why,
        }

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            **{
                **found,
                "steps": tuple(RolloutStep.model_validate(step) for step in found["steps"]),
                "created_at": datetime.fromisoformat(found["created_at"]),
                "state": State(found["state"]),
                "periods": tuple(
                    Period(since=datetime.fromisoformat(p["since"]), weight=p["weight"])
                    for p in found["periods"]
                ),
            }
        )


def check_layer(layer: str) -> Layer:
    """Return `layer` as one.

    Raises:
        InputError: it is none.
    """
    for known in LAYERS:
        if layer == known:
            return known
    raise InputError(f"layer {layer!r} is none of {', '.join(LAYERS)}", field="layer")
