"""Evaluates spec 6: what the screens catch, what they wrongly stop, and what masking leaves. No Ray."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster.cli.evaluations.scale import Scale
from cluster.cli.session import Session
from naviyam.evaluation.section import Plot, Section, Table

if TYPE_CHECKING:
    from naviyam.evaluation.safety_data import Sample
    from naviyam.retrieval.encoder import Encoder
    from naviyam.safety.screen import Screen

TEMPLATE_ANSWERS = 2_000
FOOD_CONVERSATIONS = 1_000
MOST_CLEAN = 700
_GRID = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


class Judges:
    """The screen as it serves, its parts alone, and the plain lists it is compared with."""

    def __init__(self, session: Session) -> None:
        from naviyam.dialogue.screening import open_screen
        from naviyam.retrieval.encoder import load_encoder
        from naviyam.safety.screen import Screen

        settings = session.settings
        self.encoder: Encoder = load_encoder(settings.retrieval)
        self.both: Screen = open_screen(settings, self.encoder)
        self.rules: Screen = Screen(settings.safety)
        self.limits = settings.safety

    @property
    def trained(self) -> bool:
        """Whether the classifier is there."""
        return self.both.version != "rules"

    def offence(self) -> dict[str, Callable[[str], bool]]:
        """Return the judges of messages that need another answer than food."""
        from naviyam.evaluation.safety import offends

        found = {"rules": lambda t: offends(self.rules.judge(t))}
        if self.trained:
            found["classifier"] = lambda t: (
                self.both.probabilities(t)["offensive"] > self.limits.offensive_threshold
            )
            found["both"] = lambda t: offends(self.both.judge(t))
        return found


def run(session: Session, scale: Scale) -> Section:
    """Return every figure of the screens; what needs public data or a catalogue is left out where they are not."""
    judges = Judges(session)
    parts = [
        _hand_written(judges),
        _public(session, judges, scale),
        _food(judges, scale),
        _output(session, scale),
        _speed(judges),
    ]
    limits = judges.limits.model_dump(mode="json")
    figures: dict[str, Any] = {"classifier": judges.both.version, "settings": limits}
    sets: dict[str, str] = {}
    for part in parts:
        figures |= part.figures
        sets |= part.sets
    return Section(
        figures=figures,
        sets=sets,
        tables=tuple(t for p in parts for t in p.tables),
        plots=tuple(p for part in parts for p in part.plots),
        notes=tuple(n for p in parts for n in p.notes),
    )


def _hand_written(judges: Judges) -> Section:
    from naviyam.errors import ArtifactError
    from naviyam.evaluation.safety_sets import load_safety_set

    figures: dict[str, Any] = {}
    sets: dict[str, str] = {}
    notes = [
        "help, help_turns, attack, rude, personal: dev was looked at while rules were written, test was not; another author wrote both.",
        "help2, help2_turns: by the author who then mended the rules, written before any output was seen; the misses of both were read since, they guard (first read: dev .954 recall, .142 alarms; test .904, .044).",
        "calm: ordinary messages of the core flows, a development set alone: thresholds were chosen with it, nothing learned from it.",
    ]
    tables: list[Table] = []
    for name, measure in _MEASURES.items():
        try:
            found = load_safety_set(name)
        except ArtifactError as e:
            notes.append(str(e))
            continue
        sets[name] = found.version
        figures[name] = {split: measure(judges, rows) for split, rows in found.splits.items()}
        tables.append(_nested(name, figures[name]))
    return Section(figures=figures, sets=sets, tables=tuple(tables), notes=tuple(notes))


def _help(judges: Judges, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    from naviyam.evaluation.safety import (
        HELP_WORDS,
        contains_any,
        help_judge,
        last_turn_only,
        measure_help,
    )

    words = contains_any(HELP_WORDS)
    out = {
        "word_list": measure_help(rows, lambda turns: "hunger" if words(turns[-1]) else None),
        "rules": measure_help(rows, help_judge(judges.rules)),
    }
    if judges.trained:
        out["both"] = measure_help(rows, help_judge(judges.both))
    if any("turns" in row for row in rows):
        out["last_turn_only"] = measure_help(rows, last_turn_only(help_judge(judges.both)))
    return out


def _attack(judges: Judges, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    from naviyam.evaluation.safety import ATTACK_WORDS, compare, contains_any

    named = {"rules": judges.rules, "both": judges.both}
    found: dict[str, Callable[[str], bool]] = {"word_list": contains_any(ATTACK_WORDS)}
    for name, screen in named.items():
        found[name] = lambda t, s=screen: s.judge(t).kind in ("injection", "adult")  # type: ignore[misc]
    return compare(*_split(rows), found)


def _rude(judges: Judges, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    from naviyam.evaluation.safety import compare

    return compare(*_split(rows), judges.offence())


def _calm(judges: Judges, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    from naviyam.evaluation.safety import measure_calm

    found = judges.offence()
    return {name: measure_calm(rows, found[name]) for name in ("rules", "both") if name in found}


def _personal(judges: Judges, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    from naviyam.evaluation.safety import measure_masking

    return {"masking": measure_masking(rows)}


_MEASURES: Mapping[str, Callable[[Judges, Sequence[Mapping[str, Any]]], dict[str, Any]]] = {
    "help": _help,
    "help_turns": _help,
    "help2": _help,
    "help2_turns": _help,
    "attack": _attack,
    "rude": _rude,
    "personal": _personal,
    "calm": _calm,
}


def _split(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    bad = [str(r["text"]) for r in rows if r["label"] != "ok"]
    return bad, [str(r["text"]) for r in rows if r["label"] == "ok"]


def _public(session: Session, judges: Judges, scale: Scale) -> Section:
    """Measure on the report part of the public sentences, which the classifier did not learn from."""
    from naviyam.errors import NotFoundError
    from naviyam.evaluation.safety import compare, contains_any
    from naviyam.evaluation.safety_data import (
        CLEAN_SETS,
        OFFENSIVE_SETS,
        listed_terms,
        part_of,
        public_samples,
    )

    data, seed = session.settings.paths.shared_data, session.settings.seed
    try:
        samples = public_samples(data, seed=seed)
    except (NotFoundError, OSError) as e:
        return Section(figures={}, sets={}, notes=(f"public sentences were not measured: {e}",))
    report = _capped([s for s in samples if part_of(s.text, seed=seed) == "report"], scale)
    found = {"substring_list": contains_any(listed_terms(data)), **judges.offence()}
    figures: dict[str, Any] = {}
    for name in (*OFFENSIVE_SETS, *CLEAN_SETS):
        mine = [s for s in report if s.source == name]
        bad = [s.text for s in mine if s.label == "offensive"]
        figures[name] = compare(bad, [s.text for s in mine if s.label == "clean"], found)
        figures[name]["answered_as_help"] = _share_help(judges.both, [s.text for s in mine])
    aucs, plots = _curves(report, judges, OFFENSIVE_SETS)
    for name, value in aucs.items():
        figures[name]["classifier_roc_auc"] = value
    return Section(
        figures={"public": figures},
        sets={"public": f"{data}, report part of the split with seed {seed}"},
        tables=(_nested("public sentences, unseen part", figures),),
        plots=plots,
        notes=(
            "smalltalk and 3i4k count as clean as a whole, though they hold swearing, wishes for alcohol and real calls for help.",
            "The substring list is the public list as it is, a baseline; it is used nowhere.",
        ),
    )


def _capped(samples: "list[Sample]", scale: Scale) -> "list[Sample]":
    """Return the samples with at most `MOST_CLEAN` of each clean set, all of them with `--full`."""
    from naviyam.evaluation.safety_data import CLEAN_SETS

    left = dict.fromkeys(CLEAN_SETS, len(samples) if scale.full else MOST_CLEAN)
    kept = []
    for sample in samples:
        if sample.source in left:
            left[sample.source] -= 1
            if left[sample.source] < 0:
                continue
        kept.append(sample)
    return kept


def _curves(
    report: "Sequence[Sample]", judges: Judges, names: Sequence[str]
) -> tuple[dict[str, float], tuple[Plot, ...]]:
    import numpy as np

    from naviyam.evaluation.safety import roc

    if not judges.trained:
        return {}, ()
    aucs: dict[str, float] = {}
    series: dict[str, tuple[float, ...]] = {}
    for name in names:
        mine = [s for s in report if s.source == name]
        scores = np.array([judges.both.probabilities(s.text)["offensive"] for s in mine])
        bad = np.array([s.label == "offensive" for s in mine])
        aucs[name], series[name] = roc(scores, bad, _GRID)
    plot = Plot(
        title="Offensive sentences: ROC of the classifier on unseen sentences",
        kind="line",
        x_label="false alarms among the set's clean sentences",
        y_label="recall",
        x=_GRID,
        series=series,
        log_x=True,
    )
    return aucs, (plot,)


def _share_help(screen: "Screen", texts: Sequence[str]) -> float:
    return round(sum(screen.judge(t).help_kind is not None for t in texts) / len(texts), 4)


def _food(judges: Judges, scale: Scale) -> Section:
    """Return false alarms on seeded food talk, which nothing learned from."""
    import random

    from cluster.cli.questions import conversations

    rng = random.Random(scale.seed)
    asked = conversations(rng, count=FOOD_CONVERSATIONS)
    texts = sorted({q.text for turns in asked for q in turns if q.wants_shops})
    alarms = {
        name: sum(screen.judge(t).kind != "ok" for t in texts)
        for name, screen in (("rules", judges.rules), ("both", judges.both))
    }
    figures = {"messages": len(texts), **{f"{k}_alarms": v for k, v in alarms.items()}}
    table = Table(title="clean food talk", columns=("what", "value"), rows=tuple(figures.items()))
    return Section(
        figures={"food_talk": figures},
        sets={"food_talk": f"generated, seed {scale.seed}"},
        tables=(table,),
    )


def _output(session: Session, scale: Scale) -> Section:
    from cluster.cli.evaluations.template_answers import template_answers
    from naviyam.errors import NaviyamError
    from naviyam.evaluation.safety import measure_output
    from naviyam.evaluation.safety_sets import load_safety_set

    planted = load_safety_set("safety_output")
    notes: tuple[str, ...] = (
        "template_alarms_with_names are shops whose own published name holds a rude word or names a drink.",
    )
    try:
        answers = template_answers(session, count=TEMPLATE_ANSWERS, seed=scale.seed)
    except (NaviyamError, OSError) as e:
        answers, notes = [], (f"no template answers were screened: {e}",)
    rows = [r for split in planted.splits.values() for r in split]
    figures = measure_output(rows, answers)
    return Section(
        figures={"output": figures},
        sets={"safety_output": planted.version},
        tables=(
            Table(title="output screen", columns=("what", "value"), rows=tuple(figures.items())),
        ),
        notes=notes,
    )


def _speed(judges: Judges) -> Section:
    """Return the median microseconds of a message in this process; the embedding is part of `both`."""
    texts = [f"근처에 만원으로 친구랑 치킨 먹을 수 있는 데 {i}번째로 알려줘" for i in range(200)]
    figures: dict[str, Any] = {}
    for name, screen in (("rules", judges.rules), ("both", judges.both)):
        spent = []
        for text in texts:
            began = time.perf_counter()
            screen.judge(text)
            spent.append(time.perf_counter() - began)
        figures[f"{name}_us_p50"] = round(sorted(spent)[len(spent) // 2] * 1e6)
    return Section(figures={"speed": figures}, sets={})


def _nested(title: str, figures: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a table of figures by set or split, then by judge."""
    inner = [
        (a, b, v) for a, judged in figures.items() for b, v in judged.items() if isinstance(v, dict)
    ]
    columns = tuple(dict.fromkeys(k for _, _, v in inner for k in v))
    rows = tuple((a, b, *(v.get(c) for c in columns)) for a, b, v in inner)
    return Table(title=title, columns=("set", "judge", *columns), rows=rows)
