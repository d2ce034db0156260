"""`naviyam bootstrap`: catalogue -> index -> ranker -> base model, each step only where its inputs changed.

What a step was made from is kept in `<state>/bootstrap.json`; an interrupted run goes on where it stopped.
"""

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table
from naviyam.errors import ConfigError

if TYPE_CHECKING:
    from naviyam.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: `inputs` names all that it depends on, `there` asks whether a former result still lies there.

    A step `beside` the others reads nothing of theirs and runs at the same time.
    """

    name: str
    inputs: Callable[[], str]
    run: Callable[[], dict[str, Any]]
    there: Callable[[Mapping[str, Any]], bool]
    beside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a step."""

    name: str
    inputs: str
    skipped: bool
    seconds: float
    result: Mapping[str, Any]


def bootstrap(
    ctx: typer.Context,
    shops: Annotated[
        Path | None, typer.Option(help="Public shop list (CSV).", metavar="CSV")
    ] = None,
    workbook: Annotated[
        Path | None, typer.Option(help="Workbook of the app's database.", metavar="XLSX")
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="The generated sample workbook.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Do every step again.")] = False,
) -> None:
    """Make all that serving needs. Without a source: the catalogue that is there, else the sample workbook."""
    session: Session = ctx.obj
    done = run_steps(session, shops=shops, workbook=workbook, sample=sample, force=force)
    rows = [(d.name, "kept" if d.skipped else "done", d.seconds, _brief(d.result)) for d in done]
    session.answer(
        {"steps": [asdict(d) for d in done]},
        table("bootstrap", ("step", "", "seconds", "result"), rows),
    )


def run_steps(
    session: Session,
    *,
    shops: Path | None,
    workbook: Path | None,
    sample: bool = False,
    force: bool = False,
) -> list[Done]:
    """Do the steps whose inputs changed, in order; say what happens.

    Raises:
        ConfigError: a source is not there, or more than one is named.
        NaviyamError: a step failed.
    """
    check_sources(shops=shops, workbook=workbook, sample=sample)
    state = session.settings.paths.state
    state.mkdir(parents=True, exist_ok=True)
    record = state / "bootstrap.json"
    known: dict[str, Any] = json.loads(record.read_text()) if record.exists() else {}
    todo = steps(session, shops=shops, workbook=workbook, sample=sample or force)
    done: list[Done] = []

    def keep(result: Done) -> None:
        known[result.name] = {"inputs": result.inputs, "result": result.result}
        _write(record, known)
        done.append(result)

    with ThreadPoolExecutor(max_workers=1) as pool:
        beside = [
            pool.submit(_do, session, step, known.get(step.name, {}), force)
            for step in todo
            if step.beside
        ]
        for step in todo:
            if not step.beside:
                keep(_do(session, step, known.get(step.name, {}), force))
        for future in beside:
            keep(future.result())
    return done


def check_sources(*, shops: Path | None, workbook: Path | None, sample: bool = False) -> None:
    """Return if at most one source is named and it is there.

    Raises:
        ConfigError: otherwise.
    """
    if sum((shops is not None, workbook is not None, sample)) > 1:
        raise ConfigError("give one of --shops, --workbook and --sample")
    for option, path in (("--shops", shops), ("--workbook", workbook)):
        if path is not None and not path.is_file():
            raise ConfigError(f"{option} {path} is not a file")


def _do(session: Session, step: Step, former: Mapping[str, Any], force: bool) -> Done:
    inputs = step.inputs()
    if not force and former.get("inputs") == inputs and step.there(former["result"]):
        session.say(f"{step.name}: kept, its inputs did not change")
        return Done(
            name=step.name, inputs=inputs, skipped=True, seconds=0.0, result=former["result"]
        )
    session.say(f"{step.name}: ...")
    began = time.perf_counter()
    result = step.run()
    seconds = round(time.perf_counter() - began, 1)
    session.say(f"{step.name}: done in {seconds} s, {_brief(result)}")
    return Done(name=step.name, inputs=inputs, skipped=False, seconds=seconds, result=result)


def steps(
    session: Session, *, shops: Path | None, workbook: Path | None, sample: bool
) -> tuple[Step, ...]:
    """Return the steps in order; a later one reads what an earlier one published."""
    from cluster.cli import bootstrap_steps as parts
    from naviyam.versions import current_version

    settings = session.settings
    catalog = settings.paths.catalog
    made_from = parts.source_digest(settings, shops=shops, workbook=workbook)
    keep = not (shops or workbook or sample) and current_version(catalog) is not None
    return (
        Step(
            name="catalog",
            inputs=lambda: _recorded_inputs(settings, "catalog") if keep else made_from,
            run=lambda: parts.make_catalog(settings, shops=shops, workbook=workbook, keep=keep),
            there=lambda former: former.get("version") == current_version(catalog),
        ),
        Step(
            name="index",
            inputs=lambda: parts.digest(
                current_version(catalog), settings.retrieval.model_dump_json()
            ),
            run=lambda: parts.make_index(settings),
            there=lambda former: (settings.paths.index / str(former.get("version"))).is_dir(),
        ),
        Step(
            name="ranker",
            inputs=lambda: parts.digest(
                current_version(catalog),
                settings.ranker_training.model_dump_json(),
                settings.retrieval.encoder,
                parts.feature_schema(),
            ),
            run=lambda: parts.train_ranker(session),
            there=lambda former: (
                settings.paths.models / "ranker" / str(former.get("version"))
            ).is_dir(),
        ),
        *(
            [
                Step(
                    name="base model",
                    inputs=lambda: parts.digest(
                        settings.llm.base,
                        str(settings.paths.cache),
                        parts.champion_digest(settings),
                    ),
                    run=lambda: parts.prepare_model(session),
                    there=lambda former: Path(str(former.get("model"))).is_dir(),
                    beside=True,
                )
            ]
            if settings.llm.enabled
            else []
        ),
    )


def _recorded_inputs(settings: "Settings", name: str) -> str:
    record = settings.paths.state / "bootstrap.json"
    known: dict[str, Any] = json.loads(record.read_text()) if record.exists() else {}
    return str(known.get(name, {}).get("inputs", "kept"))


def _write(path: Path, value: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
    temporary.replace(path)


def _brief(result: Mapping[str, Any]) -> str:
    plain = [f"{k} {v}" for k, v in result.items() if not isinstance(v, dict | list)]
    return ", ".join(plain)
