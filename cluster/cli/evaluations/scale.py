"""How much an evaluation measures. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes of one evaluation. `full` asks for what takes an hour; without it every section takes minutes at most."""

    questions: int = 200
    seed: int = 7
    full: bool = False
