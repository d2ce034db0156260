"""Whose records nothing may be learned from, by the log's tombstones and what was agreed to. Sets and weights outlive both."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from cluster.talk_tables import profiles_set
from naviyam import versions
from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog
from naviyam.dialogue.sqlite_state import pseudonym_of, stranger_id
from naviyam.feedback.reader import read_tombstones
from naviyam.feedback.store import EventStore
from naviyam.request import UserProfile
from naviyam.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The users who asked to be forgotten, with the latest time, and the `silent`, who agreed to nothing being kept.

    Both are pseudonyms. A forgotten user who returned is served, and learned of, as a stranger (`scored_as`).
    """

    forgotten: Mapping[str, datetime]
    silent: frozenset[str]

    def scored_as(self, user: str) -> str:
        """Return the id under which the ranker knew the user of a record that the log still tells of."""
        return stranger_id(user) if user in self.forgotten else user

    def allows(
        self, users: npt.NDArray[np.object_], time: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Return which samples may be learned from: their users [n] as scored, their times [n] in epoch seconds."""
        pairs = zip(users.tolist(), time.tolist(), strict=True)
        return np.fromiter((not self._gone(u, t) for u, t in pairs), np.bool_, len(users))

    def left(self, known: Iterable[str], until: float | None) -> frozenset[str]:
        """Return the users of a vocabulary whose rows must go.

        Args:
            known: the users that a model has rows of.
            until: the time in epoch seconds of the last sample it learned from, None where nobody knows it.
        """
        last = float("-inf") if until is None else until
        return frozenset(u for u in known if self._gone(u, last))

    def _gone(self, user: str, time: float) -> bool:
        own = pseudonym_of(user)
        if own in self.silent:
            return True
        if own not in self.forgotten:
            return False
        return user == own or time <= self.forgotten[own].timestamp()


def read_absent(settings: Settings) -> Absent:
    """Return who is absent now, by the event log, the profiles set here and the current catalogue's users."""
    said = profiles_set(settings)
    behavior = None
    if versions.current_version(settings.paths.catalog) is not None:
        folder = versions.current(settings.paths.catalog)
        behavior = Behavior.load(folder, Catalog.load(folder))
    return Absent(
        forgotten=read_tombstones(EventStore.of(settings)),
        silent=silent_users(behavior, said),
    )


def silent_users(behavior: Behavior | None, said: Mapping[str, UserProfile]) -> frozenset[str]:
    """Return who agreed to nothing: by a profile that was set here, else by the catalogue's."""
    known: dict[str, bool] = {}
    if behavior is not None:
        known |= zip(behavior.user_ids, behavior.consent.tolist(), strict=True)
    known |= {user: profile.consent for user, profile in said.items()}
    return frozenset(user for user, agreed in known.items() if not agreed)
