"""`naviyam chat`: talk to the running service in the terminal. Its words are Korean: a child may use it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, read_near, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cluster.cli.client import ServiceClient

_CARD = {"yes": "돼요", "no": "안 돼요", "unknown": "아직 몰라요"}
_OPEN = {True: "열려 있어요", False: "닫혀 있어요", None: "아직 몰라요"}


def chat(
    ctx: typer.Context,
    user: Annotated[str, typer.Option(help="User id.")] = "terminal",
    near: Annotated[
        str | None, typer.Option(help="Where you are: latitude,longitude.", metavar="LAT,LNG")
    ] = None,
) -> None:
    """Talk with the running service; an empty line or Ctrl-D ends it."""
    from cluster.cli.client import ServiceClient
    from naviyam.errors import NaviyamError

    session: Session = ctx.obj
    point = read_near(near)
    context = {"latitude": point[0], "longitude": point[1]} if point else {}
    session_id: str | None = None
    with ServiceClient(session.base_url, credentials=session.credentials) as client:
        client.call("GET", "/healthz")
        session.say("안녕하세요! 무엇을 먹고 싶어요? (그만하려면 빈 줄)")
        while True:
            try:
                message = session.console.input(
                    "" if session.as_json else "[bold]나> [/bold]"
                ).strip()
            except EOFError:
                break
            if not message:
                break
            body: dict[str, Any] = {"user_id": user, "message": message, "context": context}
            if session_id:
                body["session_id"] = session_id
            try:
                session_id = _turn(session, client, body)
            except NaviyamError as error:
                session.say(f"지금은 답을 못 했어요. 다시 한번 말해 줄래요? ({error})")


def _turn(session: Session, client: "ServiceClient", body: dict[str, Any]) -> str | None:
    """Show one answer as it comes; return the session's id."""
    done: dict[str, Any] = {}
    for name, data in client.chat(body):
        if name == "done":
            done = data
        elif session.as_json:
            continue
        elif name == "recommendations" and (shops := data.get("recommendations")):
            session.console.print(shop_table(shops))
        elif name == "delta":
            session.console.print(data.get("text", ""), end="", markup=False)
        elif name == "error":
            session.say(f"지금은 답을 못 했어요. ({data.get('detail') or data.get('title')})")
    if session.as_json:
        session.answer(done)
    else:
        session.console.print()
    return done.get("session_id")


def shop_table(shops: list[dict[str, Any]]) -> "RenderableType":
    """Return the recommended shops as a table with Korean heads."""
    rows = [
        (
            shop["rank"],
            shop["name"],
            ", ".join(f"{m['name']} {m['price_won']:,}원" for m in shop["menus"][:3])
            or "아직 몰라요",
            _CARD[shop["meal_card"]],
            f"{shop['walk_minutes']}분" if shop.get("walk_minutes") is not None else "-",
            _OPEN[shop.get("open_now")],
        )
        for shop in shops
    ]
    return table("", ("", "가게", "메뉴", "급식카드", "걸어서", "지금"), rows)
