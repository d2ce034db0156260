"""`naviyam config`: what is set and by what, whether it holds together and fits this machine, what it will need."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import DEFAULT_CONFIG, Session, table

if TYPE_CHECKING:
    from cluster.configuration.checks import Finding
    from cluster.configuration.describe import Described

app = typer.Typer(no_args_is_help=True, help="Settings: where each comes from, checks, estimates.")


@app.command()
def show(
    ctx: typer.Context,
    section: Annotated[
        str | None, typer.Option(help="Only this section, such as serving or serving.llm.")
    ] = None,
    set_only: Annotated[
        bool, typer.Option("--set", help="Only what a file or a variable sets.")
    ] = False,
) -> None:
    """Show every key: its value, where that comes from (default, file and line, variable) and what it means."""
    import os

    from cluster.configuration.describe import describe, sections
    from naviyam.errors import NotFoundError
    from naviyam.settings.sources import read_sources

    session: Session = ctx.obj
    settings = session.settings
    if section is not None and section not in sections():
        raise NotFoundError(f"no section {section!r}; there are: {', '.join(sections())}")
    sources = read_sources(session.config_path and session.config, os.environ)
    found = [
        each
        for each in describe(settings, sources, section=section)
        if each.origin is not None or not set_only
    ]
    session.answer(
        {"files": [str(f) for f in sources.files], "keys": [each.to_dict() for each in found]},
        *(_described(each) for each in found),
    )


@app.command()
def check(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Settings files; without any, --config.")
    ] = None,
) -> int:
    """Tell everything that is wrong, at once: unknown keys, contradictions, what this machine lacks. 1 where an error is."""
    import os

    from cluster.configuration.report import check_file

    session: Session = ctx.obj
    named: list[Path | None] = list(files or [session.config])
    if not files and session.config == DEFAULT_CONFIG and not session.config.exists():
        named = [None]
    found = {str(path or "defaults"): check_file(path, os.environ) for path in named}
    session.answer(
        {
            name: [{"level": f.level, "key": f.key, "message": f.message} for f in findings]
            for name, findings in found.items()
        },
        *(_findings(name, findings) for name, findings in found.items()),
    )
    return int(any(f.level == "error" for findings in found.values() for f in findings))


@app.command()
def estimate(
    ctx: typer.Context,
    shops: Annotated[int, typer.Option(min=0, help="Shops in the index.")] = 10_000,
    gpu: Annotated[
        list[str] | None, typer.Option(help="Kinds of GPU; without any, all that are known.")
    ] = None,
) -> None:
    """Estimate memory and rates per kind of GPU from published figures. Nothing is measured."""
    from dataclasses import asdict

    from cluster.configuration.estimate import cpu_memory_gib, engine_on_gpu, search
    from cluster.configuration.figures import figures

    session: Session = ctx.obj
    known, settings = figures(), session.settings
    kinds = [known.gpu(name) for name in gpu] if gpu else list(known.gpus.values())
    wanted = settings.llm.enabled and settings.llm.num_gpus > 0
    engines = [engine_on_gpu(settings, known, kind) for kind in kinds] if wanted else []
    found = search(settings, known, shops=shops)
    main = cpu_memory_gib(settings, known, shops=shops)
    document: dict[str, Any] = {
        "estimate": True,
        "base": settings.llm.base,
        "engines": [{**asdict(e), "verdict": e.verdict} for e in engines],
        "search": asdict(found),
        "main_memory_gib": main,
    }
    shown = [_engines(settings.llm.base, engines), _LEGEND] if engines else []
    session.answer(
        document,
        *shown,
        f"Search   {found.index} index of {found.shops:,} shops {found.index_gib:.2f} GiB, encoder "
        f"{found.encoder_gib:.2f} GiB, in every replica that searches",
        f"Memory   {main:.1f} GiB of main memory where every replica's least number runs on one machine",
        "Estimates from data sheets (cluster/configuration/figures.yaml); nothing was measured.",
    )


def _engines(base: str, engines: list[Any]) -> Any:
    columns = ("GPU", "weights", "cache", "tokens", "talks", "full", "tok/s", "answer s", "")
    rows = [
        (
            e.gpu if e.count == 1 else f"{e.count} x {e.gpu}",
            round(e.weights_gib, 1),
            round(e.cache_gib, 1),
            e.cache_tokens,
            e.talks,
            e.full_length,
            round(e.decode_tokens_s),
            round(e.answer_s, 1),
            e.verdict,
        )
        for e in engines
    ]
    return table(f"{base}: estimates, not measurements", columns, rows)


_LEGEND = (
    "GiB for weights and cache; tokens that the cache holds; talks and sequences of llm.max_model_len at once; tokens a "
    "second of all talks together; seconds of an answer of writing.max_tokens among them. Slow is above "
    "writing.total_timeout_s, short holds no sequence of full length."
)


def _findings(name: str, findings: "tuple[Finding, ...]") -> Any:
    if not findings:
        return f"{name}: nothing wrong"
    rows = [(f.level, f.key, f.message) for f in findings]
    return table(name, ("", "key", "what"), rows)


def _described(each: "Described") -> Any:
    import json

    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    value = json.dumps(each.value, ensure_ascii=False)
    unit = f" {each.unit}" if each.unit else ""
    head = Text.assemble(
        (each.key, "bold"), f" = {value}{unit}", (f"  {each.origin or 'default'}", "dim")
    )
    return Group(head, Padding(Text(each.meaning), (0, 0, 0, 4))) if each.meaning else head
