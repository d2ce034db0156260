"""Traffic splitting. No I/O; the caller carries the table to the replicas.

A user's place on an experiment's unit interval is a hash of the experiment's salt and the user's pseudonym: the same in
every process, independent between experiments, and a user who was in the candidate's share stays in it when it grows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Self

from naviyam.arms import LAYERS, Arm, Arms, Layer
from naviyam.errors import InputError
from naviyam.ids import check_id

_SPLIT_FIELDS = ("layer", "experiment", "salt", "weight", "stable", "candidate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One running experiment as replicas need it. `weight` is the candidate's share of the users, 0..1."""

    layer: Layer
    experiment: str
    salt: str
    weight: float
    stable: str
    candidate: str

    def __post_init__(self) -> None:
        if self.layer not in LAYERS:
            raise InputError(f"layer {self.layer!r} is none of {', '.join(LAYERS)}", field="layer")
        if not 0 <= self.weight <= 1:
            raise InputError(
                f"weight {self.weight} is not between 0 and 1 (0.1 is a tenth of the users)",
                field="weight",
            )
        for name in ("experiment", "salt", "stable", "candidate"):
            check_id(getattr(self, name), field=name)

    def arm(self, user_id: str) -> Arm:
        """Return a user's arm."""
        if bucket(self.salt, user_id) < self.weight:
            return Arm(experiment=self.experiment, name="candidate", version=self.candidate)
        return Arm(experiment=self.experiment, name="stable", version=self.stable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Every running split. A replica takes a table only where its `revision` is above the one that it holds.

    `defaults` names what answers without an experiment on layers whose versions are variants of the settings: the last
    one that was promoted. Registered models need no entry, they have a pointer of their own.
    """

    revision: int = 0
    splits: tuple[Split, ...] = ()
    defaults: Mapping[Layer, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        layers = [split.layer for split in self.splits]
        for layer in layers:
            if layers.count(layer) > 1:
                raise InputError(
                    f"two experiments on layer {layer!r}; end one of them first", field="layer"
                )

    def arms(self, user_id: str) -> Arms:
        """Return a user's arm on every layer with an experiment.

        Args:
            user_id: the pseudonym, never what a caller sent.
        """
        return {split.layer: split.arm(user_id) for split in self.splits}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON that goes to the replicas."""
        splits = [{name: getattr(s, name) for name in _SPLIT_FIELDS} for s in self.splits]
        return {"revision": self.revision, "splits": splits, "defaults": dict(self.defaults)}

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; an empty mapping is no experiment.

        Raises:
            InputError: the shape or a value is another one.
        """
        splits = found.get("splits", [])
        if not isinstance(splits, list) or not all(
            isinstance(s, Mapping) and set(s) == set(_SPLIT_FIELDS) for s in splits
        ):
            raise InputError(
                f"traffic.splits must be a list of {list(_SPLIT_FIELDS)}, got {splits!r}",
                field="splits",
            )
        return cls(
            revision=int(found.get("revision", 0)),
            splits=tuple(Split(**s) for s in splits),
            defaults=dict(found.get("defaults", {})),
        )


def bucket(salt: str, user_id: str) -> float:
    """Return a user's place in [0, 1): 53 bits of BLAKE2b keyed by the salt.

    >>> bucket("s", "u_1") == bucket("s", "u_1") != bucket("t", "u_1")
    True
    """
    digest = blake2b(user_id.encode(), digest_size=8, key=salt.encode()[:64]).digest()
    return (int.from_bytes(digest) >> 11) / 2**53
