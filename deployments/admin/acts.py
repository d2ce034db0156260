"""Every change over /admin is written down before it is made and completed before it is acknowledged (`cluster.audit`).

`recorded` is a dependency of the whole router: a route that says nothing of its act is kept by method and path. One that
knows more says so through `Acts` before it changes anything. Where the audit cannot be written nothing is done.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from cluster.audit.entry import Act, Outcome
from deployments.admin.keys import caller_of
from deployments.admin.open import Control
from naviyam.errors import ConflictError, InputError, NaviyamError, NotFoundError, OverloadedError

_READS = frozenset(("GET", "HEAD", "OPTIONS"))
_SAYS_NO = (
    ConflictError,
    InputError,
    NotFoundError,
    OverloadedError,
    HTTPException,
    RequestValidationError,
)
_MOST_WORDS = 1_000
_NOTHING: Mapping[str, Any] = {}
_logger = logging.getLogger(__name__)


class Acting:
    """The act of one request; `begin` makes it durable."""

    def __init__(self, control: Control, who: str, where: str) -> None:
        self._control = control
        self._who = who
        self._where = where
        self._number: int | None = None
        self._after: Mapping[str, Any] = {}

    def begin(
        self,
        what: str,
        *,
        target: str = "",
        said_by: str = "",
        why: str = "",
        before: Mapping[str, Any] = _NOTHING,
    ) -> None:
        """Write down what is about to be done.

        Raises:
            NaviyamError: it cannot be written; nothing may be done.
        """
        self._number = self._control.audit.begin(
            Act(
                at=self._control.clock.now(),
                who=self._who,
                said_by=said_by,
                what=what,
                target=target,
                why=why,
                before=before,
            )
        )

    def became(self, after: Mapping[str, Any]) -> None:
        """Say what it was changed to."""
        self._after = after

    def end(self, outcome: Outcome, words: str = "") -> None:
        """Write down what became of it."""
        if self._number is None:
            self.begin(self._where)
        assert self._number is not None
        self._control.audit.end(
            self._number,
            outcome=outcome,
            at=self._control.clock.now(),
            after=self._after,
            words=words[:_MOST_WORDS],
        )


def recorded(
    control: Control, *, told: Callable[[], None] = lambda: None
) -> Callable[[Request], Iterator[None]]:
    """Return the dependency (scope `function`: over before the answer leaves); `told` hears of every act that ended."""

    def record(request: Request) -> Iterator[None]:
        if request.method in _READS:
            yield
            return
        acting = Acting(control, caller_of(request).name, f"{request.method} {request.url.path}")
        request.state.acting = acting
        try:
            yield
        except Exception as e:
            _end_badly(acting, e)
            raise
        else:
            acting.end("done")
        finally:
            told()

    return record


def acting_of(request: Request) -> Acting:
    """Return the act of a request that came through `recorded`."""
    acting: Acting = request.state.acting
    return acting


Acts = Annotated[Acting, Depends(acting_of)]


def _end_badly(acting: Acting, error: Exception) -> None:
    """Keep why; the caller hears of the first trouble, not of a second one in writing it down."""
    words = str(getattr(error, "detail", "") or error)
    if isinstance(error, RequestValidationError):
        words = "the body is not what this route takes"
    try:
        acting.end("refused" if isinstance(error, _SAYS_NO) else "failed", words)
    except NaviyamError as e:
        _logger.error("what became of an act was not written down: %s", e)
