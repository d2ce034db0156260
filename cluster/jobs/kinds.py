"""What jobs may run, by kind: programs named by strings. The control plane imports none of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from naviyam.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of job."""

    module: str
    shrinks: bool = False
    """Whether the program takes `--batch-scale`."""


LEARN: Final = "learn"
HOUSEKEEPING: Final = "housekeeping"
KINDS: Final[Mapping[str, Kind]] = {
    LEARN: Kind(module="training.pipelines", shrinks=True),
    "datasets": Kind(module="training.datasets"),
    "lora": Kind(module="training.lora", shrinks=True),
    "ranker": Kind(module="training.wide_deep", shrinks=True),
    "nlu": Kind(module="training.nlu"),
    "tune": Kind(module="training.tune"),
    HOUSEKEEPING: Kind(module="training.housekeeping"),
}


def kind_of(name: str) -> Kind:
    """Return a kind.

    Raises:
        InputError: there is none of this name.
    """
    try:
        return KINDS[name]
    except KeyError:
        raise InputError(
            f"job kind {name!r} is not known; there are {sorted(KINDS)}", field="kind"
        ) from None
