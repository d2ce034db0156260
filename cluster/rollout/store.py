"""The port to where experiments are kept, and its implementation in memory. A change and its history are one write.

The number of the last entry of the history is the revision of the traffic table: whoever carries a table to the
replicas can tell an older one from a newer one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cluster.rollout.experiment import MODEL_OF, OPEN, Experiment, State
from cluster.rollout.traffic import Traffic
from naviyam.arms import LAYERS, Layer
from naviyam.errors import ConflictError, NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Why something was changed, by whom, and on what evidence (plain JSON)."""

    what: str
    who: str
    why: str
    at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of an experiment's history; `number` rises over all experiments."""

    number: int
    experiment: str
    state: State
    weight: float
    note: Note

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "number": self.number,
            "at": self.note.at.isoformat(timespec="seconds"),
            "what": self.note.what,
            "state": self.state.value,
            "weight": self.weight,
            "who": self.note.who,
            "why": self.note.why,
            "evidence": dict(self.note.evidence),
        }


class Experiments(Protocol):
    """Where experiments are kept. Each call is atomic and durable, from any process."""

    def all(self) -> tuple[Experiment, ...]:
        """Return every experiment, oldest first."""
        ...

    def get(self, experiment: str) -> Experiment:
        """Return one.

        Raises:
            NotFoundError: there is none of this id.
        """
        ...

    def add(self, experiment: Experiment, note: Note) -> None:
        """Keep a new one.

        Raises:
            ConflictError: its layer has an open one, or its id is taken.
        """
        ...

    def change(self, before: Experiment, after: Experiment, note: Note) -> None:
        """Replace `before` with `after`.

        Raises:
            ConflictError: somebody else changed it in the meantime, or its layer is taken.
        """
        ...

    def note(self, experiment: str, note: Note) -> None:
        """Add to the history of one that stays as it is."""
        ...

    def history(self, experiment: str) -> tuple[Entry, ...]:
        """Return what happened to one, oldest first."""
        ...

    def traffic(self) -> Traffic:
        """Return what the replicas are to do now."""
        ...


@dataclass(slots=True)
class MemoryExperiments:
    """Experiments of this process alone; ships for tests and replays."""

    held: dict[str, Experiment] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def all(self) -> tuple[Experiment, ...]:
        return tuple(self.held.values())

    def get(self, experiment: str) -> Experiment:
        if experiment not in self.held:
            raise unknown(experiment, self.held)
        return self.held[experiment]

    def add(self, experiment: Experiment, note: Note) -> None:
        for other in self.held.values():
            if other.layer == experiment.layer and other.state in OPEN:
                raise taken(experiment.layer, other.id)
        if experiment.id in self.held:
            raise ConflictError(f"an experiment {experiment.id} exists; use another id")
        self.held[experiment.id] = experiment
        self.note(experiment.id, note)

    def change(self, before: Experiment, after: Experiment, note: Note) -> None:
        if self.get(before.id) != before:
            raise changed(before.id)
        if after.state in OPEN and before.state not in OPEN:
            for other in self.held.values():
                if other.layer == after.layer and other.id != after.id and other.state in OPEN:
                    raise taken(after.layer, other.id)
        self.held[before.id] = after
        self.note(before.id, note)

    def note(self, experiment: str, note: Note) -> None:
        held = self.get(experiment)
        self.entries.append(
            Entry(
                number=len(self.entries) + 1,
                experiment=experiment,
                state=held.state,
                weight=held.weight,
                note=note,
            )
        )

    def history(self, experiment: str) -> tuple[Entry, ...]:
        self.get(experiment)
        return tuple(e for e in self.entries if e.experiment == experiment)

    def traffic(self) -> Traffic:
        return traffic_of(self.all(), revision=len(self.entries))


def traffic_of(experiments: tuple[Experiment, ...], *, revision: int) -> Traffic:
    """Return the table that experiments, oldest first, amount to."""
    splits = [split for e in experiments if (split := e.split()) is not None]
    defaults: dict[Layer, str] = {}
    for layer in LAYERS:
        if layer in MODEL_OF:
            continue
        promoted = [e for e in experiments if e.layer == layer and e.state is State.PROMOTED]
        if promoted:
            defaults[layer] = promoted[-1].candidate
    return Traffic(revision=revision, splits=tuple(splits), defaults=defaults)


def unknown(experiment: str, known: Mapping[str, object]) -> NotFoundError:
    """Return the error for an id that nobody knows."""
    return NotFoundError(f"no experiment {experiment!r}; there are: {', '.join(known) or 'none'}")


def taken(layer: str, experiment: str) -> ConflictError:
    """Return the error for a layer on which an experiment is open."""
    return ConflictError(f"experiment {experiment} is open on layer {layer}; end it first")


def changed(experiment: str) -> ConflictError:
    """Return the error for a change of something that is not there any more."""
    return ConflictError(f"experiment {experiment} was changed by somebody else; look again")
