"""Events of behaviour as arrays, and their kinds. No storage: `tables` writes them, `behavior` reads them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

KINDS = ("view", "click", "order", "favorite", "review")
VIEW, CLICK, ORDER, FAVORITE, REVIEW = range(len(KINDS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Events:
    """Events as arrays [m]: `user` and `shop` int32 rows, `kind` int8 in `KINDS`, `value` float32, `time` int64 epoch s.

    `value` is the won of an order, the stars of a review, else 1.
    """

    user: npt.NDArray[np.int32]
    shop: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    value: npt.NDArray[np.float32]
    time: npt.NDArray[np.int64]
    simulated: bool

    @classmethod
    def from_rows(cls, rows: list[tuple[int, int, int, float, int]], *, simulated: bool) -> Self:
        """Build from (user, shop, kind, value, time) tuples, sorted by time."""
        columns = list(zip(*rows, strict=True)) if rows else [(), (), (), (), ()]
        return cls(
            user=np.array(columns[0], np.int32),
            shop=np.array(columns[1], np.int32),
            kind=np.array(columns[2], np.int8),
            value=np.array(columns[3], np.float32),
            time=np.array(columns[4], np.int64),
            simulated=simulated,
        ).sorted()

    def sorted(self) -> Self:
        """Return the events by time; ties keep their order."""
        order = np.argsort(self.time, kind="stable")
        return type(self)(
            user=self.user[order],
            shop=self.shop[order],
            kind=self.kind[order],
            value=self.value[order],
            time=self.time[order],
            simulated=self.simulated,
        )

    def __len__(self) -> int:
        return len(self.time)
