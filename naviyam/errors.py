"""The exception tree. Every error names the value, the limit and the way out.

Each class has a standard parent, so a caller may catch either `NaviyamError` or the builtin.
"""

from functools import partial


class NaviyamError(Exception):
    """Root of every error this project raises on purpose."""


def why(error: BaseException) -> str:
    """Return an error for a log line: in words where it is ours or the machine's, else by its type.

    A library's words may quote what a child wrote.

    >>> why(ValueError("secret")), why(NotFoundError("no ranker"))
    ('ValueError', 'NotFoundError: no ranker')
    """
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, NaviyamError | OSError) else name


class ConfigError(NaviyamError, ValueError):
    """A setting is missing, unknown or contradicts another; the message names the key."""


class InputError(NaviyamError, ValueError):
    """What came from outside cannot be used; `field` names the part at fault."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotFoundError(NaviyamError, LookupError):
    """A named thing (shop, user, version, model, sheet) does not exist."""


class ConflictError(NaviyamError, RuntimeError):
    """The state forbids this now: a version exists, a job runs."""


class StaleVersionError(NaviyamError, RuntimeError):
    """Two parts hold different versions of the catalogue; ask again with the newer one."""


class ArtifactError(NaviyamError, ValueError):
    """A model, adapter or table on disk is truncated, foreign or does not match its card."""


class OverloadedError(NaviyamError, RuntimeError):
    """A bounded queue is full; try again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[object, ...]:
        # The keyword is required, so the default way would fail when Ray carries the error over.
        return partial(type(self), retry_after_s=self.retry_after_s), self.args


class DeadlineError(NaviyamError, TimeoutError):
    """A stage did not finish within its budget."""
