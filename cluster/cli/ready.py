"""Waiting until the service says that every part is ready."""

import time

from cluster.cli.session import Session


def wait_ready(session: Session, *, timeout_s: float) -> None:
    """Wait until `/readyz` says that every part is ready.

    Raises:
        NaviyamError: it does not within `timeout_s`; the message names what is missing.
    """
    import httpx

    from cluster.cli.client import ServiceError

    deadline = time.monotonic() + timeout_s
    last = ""
    while True:
        try:
            response = httpx.get(f"{session.base_url}/readyz", timeout=5, trust_env=False)
            if response.is_success:
                return
            line = response.text[:300]
        except httpx.HTTPError as error:
            line = type(error).__name__
        if line != last:
            session.say(f"waiting for /readyz: {line}")
            last = line
        if time.monotonic() > deadline:
            raise ServiceError(
                f"{session.base_url}/readyz is not ready after {timeout_s:.0f} s: {last}"
            )
        time.sleep(0.5)
