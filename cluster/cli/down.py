"""`naviyam down`: stop what `naviyam up` started, and nothing else: on a cluster of others the application alone."""

import typer

from cluster.cli.session import Session


def down(ctx: typer.Context) -> None:
    """Stop the application and the Ray that `naviyam up` started."""
    from cluster.cli.join import leave

    session: Session = ctx.obj
    result = leave(session) if session.settings.cluster.address else stop(session)
    session.answer(result, "stopped" if result["stopped"] else "nothing was running")


def stop(session: Session) -> dict[str, object]:
    """End the application first, so that its proxy and engine leave in order, then the head."""
    from cluster.ray_io import head as heads
    from cluster.ray_io import serve

    head = heads.find_head(session.settings)
    if head is None:
        heads.forget_head(session.settings)
        return {"stopped": False, "killed": 0}
    session.say("stopping")
    try:
        serve.delete(f"http://127.0.0.1:{head.dashboard_port}")
    except serve.ServeError as error:
        session.say(f"Serve did not answer ({error}); ending its processes")
    killed = heads.stop_head(session.settings, head)
    return {"stopped": True, "killed": killed}
