"""`naviyam understand`: what a text means, in this process, without Ray."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table

if TYPE_CHECKING:
    from naviyam.nlu.layers import LayeredUnderstander


def understand(
    ctx: typer.Context,
    text: Annotated[str | None, typer.Argument(help="What a child writes.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help='Lines of {"text": ..., "turns"?: [{"text": ..., "shown": [...]}]}.',
            metavar="JSONL",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the answers to --file go.", metavar="JSONL")
    ] = None,
) -> None:
    """Show the intent, entities and filters of TEXT, or of every line of --file.

    With "turns" the filters are the wish as it then stands, and "selection" is the rank of the shop that was chosen.
    A line that is no such object is answered with {"line", "error"} in its place; the command then ends with 1.
    """
    session: Session = ctx.obj
    if (text is None) == (file is None):
        raise typer.BadParameter("give TEXT or --file, one of them")
    if (file is None) != (out is None):
        raise typer.BadParameter("--file and --out belong together")
    understander = load_understander(session)
    if text is not None:
        found = _one(understander, text)
        rows = [(k, json.dumps(v, ensure_ascii=False)) for k, v in found.items()]
        session.answer(found, table("", ("what", "value"), rows))
    elif file is not None and out is not None:
        lines, bad = _many(understander, file, out)
        answer = {"lines": lines, "bad_lines": bad, "out": str(out)}
        wrong = f", {len(bad)} bad: {', '.join(map(str, bad[:10]))}" if bad else ""
        session.answer(answer, f"{lines} lines -> {out}{wrong}")
        if bad:
            raise typer.Exit(1)


def load_understander(session: Session) -> "LayeredUnderstander":
    """Return the layers of stage 4; they know the shops' places and names once there is a catalogue."""
    from naviyam.dialogue.screening import open_screen
    from naviyam.nlu.layers import build_understander
    from naviyam.retrieval.encoder import load_encoder
    from naviyam.versions import current, current_version

    settings = session.settings
    encoder = load_encoder(settings.retrieval) if settings.nlu.classifier else None
    screen = open_screen(settings, encoder)
    if current_version(settings.paths.catalog) is None:
        session.say(
            "no catalogue yet: names of places and shops are not known (`naviyam bootstrap`)"
        )
        return build_understander(settings, encoder, place_names=(), screen=screen)
    from naviyam.catalog.gazetteer import Gazetteer
    from naviyam.catalog.store import Catalog

    folder = current(settings.paths.catalog)
    places = Gazetteer.load(folder).names()
    shops = frozenset(Catalog.load(folder).names)
    return build_understander(
        settings, encoder, place_names=places, shop_names=shops, screen=screen
    )


def _one(
    understander: "LayeredUnderstander", text: str, earlier: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    from naviyam.conversation import Turns
    from naviyam.nlu.replay import replay
    from naviyam.nlu.resolve import resolve

    if not earlier:
        return understander.understand(text, Turns()).to_dict()
    turns = replay(understander.understand, earlier)
    found = resolve(understander.understand(text, turns), turns)
    return {**found.to_dict(), "selection": found.selection or None}


def _many(understander: "LayeredUnderstander", source: Path, out: Path) -> tuple[int, list[int]]:
    """Understand line by line, in order; the result appears under its name only when it is whole."""
    from naviyam.errors import InputError

    temporary = out.with_name(f".{out.name}.new")
    count, bad = 0, []
    try:
        with temporary.open("w", encoding="utf-8") as sink:
            for number, row in _rows(source):
                found = row
                if "error" not in row:
                    try:
                        found = {
                            "text": row["text"],
                            **_one(understander, row["text"], row["turns"]),
                        }
                    except InputError as error:
                        found = {"line": number, "error": str(error)}
                if "error" in found:
                    bad.append(number)
                sink.write(json.dumps(found, ensure_ascii=False) + "\n")
                count += 1
        temporary.replace(out)
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}", field="out") from error
    finally:
        temporary.unlink(missing_ok=True)
    return count, bad


def _rows(source: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield every line that is not empty, with its number: text and turns, or the error that stands for it."""
    with source.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
                text, turns = row["text"], row.get("turns") or []
            except (ValueError, KeyError, TypeError, AttributeError):
                text, turns = None, []
            if isinstance(text, str) and isinstance(turns, list):
                yield number, {"text": text, "turns": turns}
            else:
                yield number, {"line": number, "error": "not a JSON object with a text"}
