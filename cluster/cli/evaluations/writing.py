"""Evaluates stage 7: facts, fluency and variety of generated answers, side by side. The writing is a program of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cluster.cli.evaluations.scale import Scale
from cluster.cli.session import Session
from naviyam.evaluation.section import Plot, Section, Table

if TYPE_CHECKING:
    from naviyam.catalog.store import Catalog
    from naviyam.evaluation.judged import Judged
    from naviyam.evaluation.written import AnswerFile, Header

_PROGRAM = "deployments.offline"
_WRITERS = ("llm", "template", "base")
_NOTES = (
    "Questions are seeded and simulated; shops, menus and prices are the catalogue's.",
    "`llm` may hold fixed notices, and a fixed opening where the model's was held back; `degraded` is an answer that the"
    " template had to finish. Times are those of a batch of `at_once` answers without a limit, not of serving.",
)
_SHOWN = (
    "wrong_facts", "degraded", "particle_errors", "impolite", "stigma_or_alcohol_words", "too_many_emoji",
    "over_three_sentences_a_shop", "repeated_sentence", "korean_share_mean", "characters_p50", "characters_p95",
    "sentences_mean", "sentences_a_shop_mean", "emoji_mean", "distinct_1", "distinct_2", "self_bleu_3",
    "distinct_openings", "commonest_opening_share", "same_opening_twice_running", "tokens_mean", "tokens_p95",
    "write_s_p50", "write_s_p95", "at_once",
)  # fmt: skip


def run(session: Session, scale: Scale) -> Section:
    """Measure the answers on file where they fit what serves now, else freshly written ones."""
    from naviyam.catalog.store import Catalog
    from naviyam.evaluation.judged import judge
    from naviyam.evaluation.writing import figures
    from naviyam.versions import current

    settings = session.settings
    catalog = Catalog.load(current(settings.paths.catalog))
    limit_won = settings.meal_card.limit_won(None)
    judged: dict[str, tuple[Judged, ...]] = {}
    sets: dict[str, str] = {}
    notes = [*_NOTES]
    for writer in _WRITERS:
        held = _answers(session, scale, writer, catalog, notes)
        if held is None:
            continue
        judged[writer] = judge(held.answers, catalog, limit_won=limit_won)
        sets[writer] = f"seed {held.header.seed}, catalogue {held.header.catalog}"
    found = {name: figures(j, seed=scale.seed) for name, j in judged.items()}
    return Section(
        figures={**found, "verdict": _verdict(session, found)},
        sets=sets,
        tables=_tables(found),
        plots=_plots(judged, found),
        notes=tuple(notes),
    )


def _answers(
    session: Session, scale: Scale, writer: str, catalog: "Catalog", notes: list[str]
) -> "AnswerFile | None":
    """Return the answers of one writer: those on file if they are enough and fit, else new ones; None where there can be none."""
    from cluster.cli.program import ProgramError
    from naviyam.evaluation.written import read_answers

    limits = session.settings.writing_evaluation
    path = session.settings.paths.state / "evaluation" / f"answers-{writer}.jsonl"
    wanted = limits.count(writer, full=scale.full)
    if writer != "template" and not session.settings.llm.enabled:
        notes.append(f"{writer}: llm.enabled is off; not measured.")
        return None
    held, now = read_answers(path), _header(session, writer, catalog, scale.seed)
    step, why = next_step(held, now, scale, wanted)
    if step == "begin" and not wanted:
        notes.append(f"{writer}: not measured without --full.")
        return None
    notes += [f"{writer}: {why}"] if why else []
    if step != "keep":
        try:
            _write(session, path, writer, count=wanted, seed=scale.seed, fresh=step == "begin")
        except ProgramError as e:
            notes.append(f"{writer}: no more was written, it failed: {str(e).splitlines()[-1]}")
            return held if held is not None and held.header.fits(now) else None
        held = read_answers(path)
    if held is not None:
        notes.append(f"{writer}: {len(held.generated)} answers of {path}.")
    return held


def next_step(
    held: "AnswerFile | None", now: "Header", scale: Scale, wanted: int
) -> tuple[Literal["keep", "continue", "begin"], str]:
    """Return whether what is on file is judged as it is, continued to `wanted` answers or put aside for a new file, and why.

    Only a file that the writer would begin in the same way is continued: the writer refuses any other.
    """
    if held is None or not held.generated:
        return "begin", ""
    if not held.header.fits(now):
        return "begin", "the answers on file are of another adapter or catalogue; a new file was begun, the old one put aside."  # fmt: skip
    code, have = held.header.code, len(held.generated)
    differs = f"written by nlg code {code}, the code now is {now.code}" if code != now.code else ""
    if not scale.full or have >= wanted:
        return "keep", differs and f"{differs}."
    if held.header == now:
        return "continue", ""
    differs = differs or f"written from seed {held.header.seed}, the seed now is {now.seed}"
    return "begin", f"{have} answers on file were {differs}; a new file was begun, the old one put aside."  # fmt: skip


def _header(session: Session, writer: str, catalog: "Catalog", seed: int) -> "Header":
    """Return what a file begun now would say of itself."""
    from cluster.registry.champion import adapter_version
    from naviyam.evaluation.written import Header, writing_code

    settings = session.settings
    return Header(
        writer=writer,
        base="none" if writer == "template" else settings.llm.base,
        adapter=adapter_version(settings) if writer == "llm" else "none",
        catalog=catalog.version,
        code=writing_code(),
        seed=seed,
    )


def _write(
    session: Session, path: Path, writer: str, *, count: int, seed: int, fresh: bool
) -> None:
    """Run the writer; a file begun anew puts what is there aside, and a writer that wrote nothing brings it back."""
    from cluster.cli.program import ProgramError, run_program

    old = path.with_suffix(".old.jsonl")
    if put_aside := fresh and path.exists():
        path.replace(old)
    session.say(f"evaluate: writing {count} answers ({writer})")
    at_once = min(session.settings.writing_evaluation.at_once, max(4, count // 5))
    arguments = [
        "--writer", writer, "--count", str(count), "--seed", str(seed),
        "--out", str(path), "--at-once", str(1 if writer == "template" else at_once),
    ]  # fmt: skip
    try:
        run_program(session, _PROGRAM, arguments)
    except ProgramError:
        if put_aside and not path.exists():
            old.replace(path)
        raise


def _verdict(session: Session, found: Mapping[str, Any]) -> dict[str, bool]:
    limits, llm = session.settings.writing_evaluation, found.get("llm") or {}
    if not llm.get("answers"):
        return {}
    return {
        "no_wrong_fact": llm["wrong_facts"]["count"] <= limits.max_wrong_facts,
        "degraded_in_limit": llm["degraded"]["share"] <= limits.max_degraded_share,
        "no_shaming_word": llm["stigma_or_alcohol_words"]["count"] == 0,
        "shop_sentences_in_limit": llm["over_three_sentences_a_shop"]["share"]
        <= limits.max_long_share,
    }


def _tables(found: Mapping[str, Any]) -> tuple[Table, ...]:
    names = [name for name in found if found[name].get("answers")]
    rows: list[tuple[object, ...]] = [("answers", *(found[n]["answers"] for n in names))]
    for key in ("answers_rejected", "wrong_facts"):
        row = (_cell(found[n]["before_check"][key]) for n in names)
        rows.append((f"before the check: {key}", *row))
    rows += [(key, *(_cell(found[n][key]) for n in names)) for key in _SHOWN]
    tables = [Table(title="answers", columns=("what", *names), rows=tuple(rows))]
    for name in names:
        reasons = found[name]["before_check"]["reasons"]
        if reasons:
            tables.append(
                Table(
                    title=f"sentences held back before the check let them out: {name}",
                    columns=("reason", "sentences"),
                    rows=tuple(reasons.items()),
                )
            )
    return tuple(tables)


def _cell(value: Any) -> object:
    """Return a rate as `count of n (share, interval)`, anything else as it is."""
    if not isinstance(value, Mapping):
        return value
    if not value["of"]:
        return None
    return f"{value['count']} of {value['of']} ({value['share']:.2%}, {value['low']:.2%} to {value['high']:.2%})"


def _plots(
    judged: "Mapping[str, tuple[Judged, ...]]", found: Mapping[str, Any]
) -> tuple[Plot, ...]:
    from naviyam.evaluation.writing import length_histogram

    lengths = {name: length_histogram(j) for name, j in judged.items() if j}
    bins = sorted({b for of_one in lengths.values() for b in of_one})
    plots = [
        Plot(
            title="Length of answers",
            kind="bar",
            x_label="characters, from",
            y_label="share of answers",
            x=tuple(str(b) for b in bins),
            series={n: tuple(h.get(b, 0.0) for b in bins) for n, h in lengths.items()},
        )
    ]
    reasons = {n: f["before_check"]["reasons"] for n, f in found.items() if f.get("answers")}
    kinds = sorted({reason for of_one in reasons.values() for reason in of_one})
    if kinds:
        plots.append(
            Plot(
                title="Sentences held back",
                kind="bar",
                x_label="reason",
                y_label="per 100 answers",
                x=tuple(kinds),
                series={
                    n: tuple(100 * r.get(k, 0) / found[n]["answers"] for k in kinds)
                    for n, r in reasons.items()
                    if r
                },
            )
        )
    return tuple(plots)
