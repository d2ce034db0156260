"""`naviyam status`: what runs, in which version."""

from typing import Any

import typer

from cluster.cli.control import control_state, control_tables
from cluster.cli.session import Session, table


def status(ctx: typer.Context) -> None:
    """Show the application, its replicas, readiness and the versions that serve."""
    from cluster.cli.client import ServiceClient
    from cluster.ray_io import serve
    from cluster.ray_io.head import find_head, is_whole
    from naviyam.errors import NaviyamError

    session: Session = ctx.obj
    joined = session.settings.cluster.address
    head = None if joined else find_head(session.settings)
    if head is None and not joined:
        session.answer({"running": False}, "not running; start it with `naviyam up`")
        raise typer.Exit(1)
    if head is not None and not is_whole(head):
        session.answer(
            {"running": False, "killed": True},
            "Ray's head was killed; `naviyam up` starts again on its tables",
        )
        raise typer.Exit(1)
    application = serve.look(session.dashboard_url)
    parts: dict[str, object] = {}
    with ServiceClient(session.base_url, credentials=session.credentials, timeout_s=5) as client:
        for name, path in (("ready", "/readyz"), ("versions", "/version")):
            try:
                parts[name] = client.call("GET", path)
            except NaviyamError as error:
                parts[name] = {"error": str(error)}
    document: dict[str, Any] = {
        "running": True,
        "application": application.status,
        "message": application.message,
        "deployments": [
            {"name": d.name, "status": d.status, "replicas": d.replicas, "message": d.message}
            for d in application.deployments
        ],
        "url": session.base_url,
        "logs": str(head.logs) if head is not None else "on the nodes of the cluster",
        **parts,
        "control": control_state(session),
    }
    rows = [
        (d.name, d.status, ", ".join(f"{n} {state}" for state, n in d.replicas.items()), d.message)
        for d in application.deployments
    ]
    details = [
        (f"{name}: {key}", value)
        for name, values in parts.items()
        if isinstance(values, dict)
        for key, value in values.items()
    ]
    details.append(("logs", document["logs"]))
    session.answer(
        document,
        table(
            f"{session.base_url} {application.status}",
            ("deployment", "status", "replicas", "message"),
            rows,
        ),
        table("", ("part", "state"), details),
        *control_tables(document["control"]),
    )
    if application.status != "RUNNING":
        raise typer.Exit(1)
