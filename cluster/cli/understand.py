"""`naviyam understand`: what a text means, in this process, without Ray."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table

if TYPE_CHECKING:
    from naviyam.nlu.rules import RuleUnderstander


def understand(
    ctx: typer.Context,
    text: Annotated[str | None, typer.Argument(help="What a child writes.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(help='Lines of {"text": ...}.', metavar="JSONL", exists=True, dir_okay=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the answers to --file go.", metavar="JSONL")
    ] = None,
) -> None:
    """Show the intent, entities and filters of TEXT, or of every line of --file."""
    session: Session = ctx.obj
    if (text is None) == (file is None):
        raise typer.BadParameter("give TEXT or --file, one of them")
    if (file is None) != (out is None):
        raise typer.BadParameter("--file and --out belong together")
    understander = _load(session)
    if text is not None:
        found = _one(understander, text)
        rows = [(k, json.dumps(v, ensure_ascii=False)) for k, v in found.items()]
        session.answer(found, table("", ("what", "value"), rows))
    elif file is not None and out is not None:
        count = _many(understander, file, out)
        session.answer({"lines": count, "out": str(out)}, f"{count} lines -> {out}")


def _load(session: Session) -> "RuleUnderstander":
    """Return the understander; it knows the shops' places and names once there is a catalogue."""
    from naviyam.nlu.rules import RuleUnderstander
    from naviyam.versions import current, current_version

    if current_version(session.settings.paths.catalog) is None:
        session.say(
            "no catalogue yet: names of places and shops are not known (`naviyam bootstrap`)"
        )
        return RuleUnderstander(place_names=())
    from naviyam.catalog.gazetteer import Gazetteer
    from naviyam.catalog.store import Catalog

    folder = current(session.settings.paths.catalog)
    places = Gazetteer.load(folder).names()
    return RuleUnderstander(place_names=places, shop_names=Catalog.load(folder).names)


def _one(understander: "RuleUnderstander", text: str) -> dict[str, Any]:
    from naviyam.conversation import Turns

    return understander.understand(text, Turns()).to_dict()


def _many(understander: "RuleUnderstander", source: Path, out: Path) -> int:
    """Understand line by line; the result appears under its name only when it is whole."""
    from naviyam.errors import InputError

    temporary = out.with_name(f".{out.name}.new")
    count = 0
    try:
        with source.open(encoding="utf-8") as lines, temporary.open("w", encoding="utf-8") as sink:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    text = json.loads(line)["text"]
                except (ValueError, KeyError, TypeError):
                    text = None
                if not isinstance(text, str):
                    raise InputError(
                        f"{source}, line {number}: not a JSON object with a text: {line.strip()[:60]!r}",
                        field="text",
                    )
                found = {"text": text, **_one(understander, text)}
                sink.write(json.dumps(found, ensure_ascii=False) + "\n")
                count += 1
        temporary.replace(out)
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}", field="out") from error
    finally:
        temporary.unlink(missing_ok=True)
    return count
