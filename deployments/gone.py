"""Work for a caller who may hang up."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

GONE = 499
"""Nobody reads it; the access log shows that the caller hung up."""

_T = TypeVar("_T")


class ClientGoneError(Exception):
    """The caller hung up; its work was cancelled."""


async def unless_gone(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """Await `work`; cancel it when the caller hangs up, so that nothing is generated for nobody.

    Raises:
        ClientGoneError: the caller did.
    """

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task, watcher = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGoneError
        return task.result()
    finally:
        for each in (task, watcher):
            each.cancel()
        await asyncio.gather(task, watcher, return_exceptions=True)
