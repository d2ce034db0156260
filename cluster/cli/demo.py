"""`naviyam demo`: the whole way once. Bootstraps, starts, asks five questions, shows the answers, stops."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table

if TYPE_CHECKING:
    from cluster.cli.client import Answer

QUESTIONS = (
    "급식카드 되는 치킨집 추천해줘",
    "5천원으로 뭐 먹을까?",
    "지금 열린 곳 있어?",
    "더 싼 데는?",
    "두 번째 거 갈래",
)


def demo(
    ctx: typer.Context,
    shops: Annotated[
        Path | None,
        typer.Option(help="Public shop list (CSV) instead of the sample.", metavar="CSV"),
    ] = None,
    near: Annotated[str | None, typer.Option(help="Where the child is.", metavar="LAT,LNG")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service running.")] = False,
) -> None:
    """Bootstrap, start, ask five questions, print answers and stage times, and stop what was started."""
    from cluster.cli.down import stop
    from cluster.cli.up import start

    session: Session = ctx.obj
    began = time.monotonic()
    started = start(session, shops=shops, wait=True, keep=False, timeout_s=300)
    try:
        answers = _ask_all(session, near, began)
    finally:
        if started["started"] and not keep:
            stop(session)
    failed = [question for question, answer in answers if not answer.body.get("response")]
    running = keep or not started["started"]
    session.answer(
        {
            "answers": [{"question": q, "seconds": a.total_s, **a.body} for q, a in answers],
            "url": session.base_url,
            "running": running,
        },
        _stage_table(answers),
        f"Chat page   {session.base_url}/     API   {session.base_url}/docs",
        "It is still running; stop it with `naviyam down`."
        if running
        else "It was stopped again; `make up` starts it and leaves it running.",
    )
    if failed:
        raise typer.Exit(1)


def _ask_all(session: Session, near: str | None, began: float) -> list[tuple[str, "Answer"]]:
    """Ask the questions as one conversation and show each answer when it is there."""
    from cluster.cli.chat import shop_table
    from cluster.cli.client import ServiceClient
    from cluster.cli.near import point_of

    latitude, longitude = point_of(session, near)
    context = {"latitude": latitude, "longitude": longitude, "simulated": True}
    session.say(f"asking near {latitude}, {longitude}")
    answers: list[tuple[str, Answer]] = []
    session_id: str | None = None
    with ServiceClient(session.base_url, credentials=session.credentials) as client:
        for question in QUESTIONS:
            body: dict[str, Any] = {"user_id": "demo", "message": question, "context": context}
            if session_id:
                body["session_id"] = session_id
            answer = client.ask(body)
            session_id = answer.body["session_id"]
            if not answers:
                session.say(
                    f"first answer {time.monotonic() - began:.1f} s after the command began"
                )
            answers.append((question, answer))
            if not session.as_json:
                session.console.print(f"\n[bold]{question}[/bold]")
                session.console.print(answer.body["response"], markup=False)
                if answer.body["recommendations"]:
                    session.console.print(shop_table(answer.body["recommendations"]))
    return answers


def _stage_table(answers: list[tuple[str, "Answer"]]) -> Any:
    """Return the times with a column for each question, in the order they were asked."""
    metadata = [answer.body["metadata"] for _, answer in answers]
    stages = list(dict.fromkeys(stage for m in metadata for stage in m["stages"]))
    rows: list[list[object]] = [
        [f"{stage} ms", *(round(float(m["stages"].get(stage, 0.0)), 1) for m in metadata)]
        for stage in stages
    ]
    for name, key in (
        ("shops shown", "recommendations_s"),
        ("first sentence", "first_sentence_s"),
        ("whole answer", "total_s"),
    ):
        rows.append([f"{name} s", *(_rounded(getattr(answer, key)) for _, answer in answers)])
    rows.append(["written by", *(m["written_by"] for m in metadata)])
    rows.append(["degraded", *(m["degraded_reason"] for m in metadata)])
    numbers = [f"question {i}" for i in range(1, len(answers) + 1)]
    return table("time per stage", ("", *numbers), rows)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
