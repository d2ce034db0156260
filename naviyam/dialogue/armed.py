"""The fall-back of an arm: a candidate that fails or is late costs its user no answer, and is noted as that arm's error.

A candidate is to blame only where what serves then answers: a part that is down or full is down for both arms.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from naviyam.arms import Layer, candidate_of
from naviyam.dialogue.trace import Trace
from naviyam.errors import OverloadedError, StaleVersionError, why

_T = TypeVar("_T")
_logger = logging.getLogger(__name__)


async def by_arm(
    layer: Layer, ask: Callable[[str | None], Awaitable[_T]], trace: Trace, *, timeout_s: float
) -> tuple[_T, str | None]:
    """Return the answer of the user's arm and the candidate's version where that gave it.

    `ask` takes a candidate's version, or None for what serves, whose errors are raised.

    Raises:
        StaleVersionError: the part holds another catalogue version, whichever arm was asked.
    """
    version, failed = candidate_of(trace.arms, layer), False
    if version is not None:
        try:
            async with asyncio.timeout(timeout_s):
                return await ask(version), version
        except StaleVersionError:
            raise
        except OverloadedError:
            pass
        except Exception as e:
            _logger.warning("%s %s failed: %s", layer, version, why(e))
            failed = True
    answer = await ask(None)
    if failed:
        trace.arm_errors.append(layer)
    return answer, None
