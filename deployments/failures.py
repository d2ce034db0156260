"""Requests that got no answer, in the event log: an arm of an experiment that fails them must be seen to.

Only requests that were fit to be answered and were let in count; a refusal at the gate and a caller's own mistake do not.
"""

import logging
from collections.abc import Mapping

from deployments.state import State
from naviyam.clock import Clock
from naviyam.dialogue.records import failure_event
from naviyam.dialogue.turn import Ask, Turn
from naviyam.errors import DeadlineError, InputError, NaviyamError, StaleVersionError

_logger = logging.getLogger(__name__)


def code_of(error: Exception) -> str | None:
    """Return the stable code of a failure, the same that the caller reads; None where the caller is at fault."""
    if isinstance(error, InputError):
        return None
    if isinstance(error, DeadlineError):
        return "timeout"
    if isinstance(error, StaleVersionError):
        return "updating"
    return "unavailable" if isinstance(error, NaviyamError) else "internal"


class Failures:
    """Records failures of users who agreed to records. A log that cannot be written to costs no second failure."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def record(
        self, asked: Turn | Ask, code: str | None, versions: Mapping[str, str]
    ) -> None:
        """Write one failure; nothing where `code` is None."""
        if code is None:
            return
        try:
            if not await self._agreed(asked):
                return
            event = failure_event(
                asked,
                code,
                versions,
                now=self._clock.now(),
                seconds=self._clock.monotonic_s() - asked.received_s,
            )
            await self._state.events.interaction(event.to_record())
        except (NaviyamError, OSError) as e:
            _logger.error("failure of %s was not recorded: %s", asked.interaction_id, e)

    async def _agreed(self, asked: Turn | Ask) -> bool:
        if isinstance(asked, Ask) and asked.profile is not None and not asked.profile.consent:
            return False
        profile = await self._state.profiles.get(asked.user_id)
        return profile is None or profile.consent
