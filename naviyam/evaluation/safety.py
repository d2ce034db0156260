"""Measures the screens: recall of what must be caught beside false alarms on what must pass, and baselines. No I/O.

A judge is any function from a text to whether it was caught; the same measure so serves the rules, the classifier,
both, and the lists that they are compared with.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from naviyam.conversation import Turns
from naviyam.evaluation.ranking import auc
from naviyam.evaluation.safety_sets import Row
from naviyam.safety.need import HelpKind, heard
from naviyam.safety.screen import InputVerdict, Screen, screen_output
from naviyam.text.personal import mask

Judge = Callable[[str], bool]
Help = Callable[[Sequence[str]], HelpKind | None]

HELP_KINDS: tuple[HelpKind, ...] = ("hunger", "hurt", "self_harm")
HELP_WORDS = (
    "굶", "배고", "돈 없", "돈이 없", "먹을 게 없", "때려", "때렸", "맞았", "무서", "괴롭", "왕따", "죽고", "죽을", "자살", "자해", "살기 싫", "도와줘",
)  # fmt: skip
"""What a plain keyword list for calls for help would hold: the baseline."""

ATTACK_WORDS = (
    "프롬프트",
    "무시",
    "규칙",
    "시스템",
    "명령",
    "모드",
    "ignore",
    "system",
    "prompt",
    "술",
    "맥주",
    "소주",
)


def contains_any(words: Collection[str]) -> Judge:
    """Return the baseline judge of a plain substring list."""
    found = tuple(w for w in words if w)
    return lambda text: any(word in text for word in found)


def caught(bad: Iterable[str], good: Iterable[str], judge: Judge) -> dict[str, Any]:
    """Return the recall on `bad` and the share of `good` that is caught as well."""
    hits = [judge(t) for t in bad]
    alarms = [judge(t) for t in good]
    return {"recall": _share(hits), "false_alarms": _share(alarms)}


def compare(bad: Sequence[str], good: Sequence[str], judges: Mapping[str, Judge]) -> dict[str, Any]:
    """Return `caught` of every judge, and how many texts there are."""
    rows = {name: caught(bad, good, judge) for name, judge in judges.items()}
    return {"bad": len(bad), "clean": len(good), **rows}


def offends(verdict: InputVerdict) -> bool:
    """Tell whether a message was met as anything but an ordinary one."""
    return verdict.kind != "ok"


def measure_calm(rows: Sequence[Row], judge: Judge) -> dict[str, Any]:
    """Return the share of ordinary messages that were caught, of all and by the kind of talk that `note` names."""
    by_note: dict[str, list[bool]] = {}
    for row in rows:
        by_note.setdefault(str(row["note"]), []).append(judge(row["text"]))
    every = [hit for hits in by_note.values() for hit in hits]
    return {
        "messages": len(every),
        "false_alarms": _share(every),
        **{f"false_alarms_{note}": _share(hits) for note, hits in sorted(by_note.items())},
    }


def measure_help(rows: Sequence[Row], judge: Help) -> dict[str, Any]:
    """Return recall of calls for help (any kind counts), of each kind, of the right kind, and false alarms.

    A row has `turns` (all the child's, judged at the last) or a `text`.
    """
    hits: dict[str, list[bool]] = {kind: [] for kind in HELP_KINDS}
    right: list[bool] = []
    alarms: list[bool] = []
    for row in rows:
        found = judge(row.get("turns") or [row["text"]])
        if row["label"] in hits:
            hits[row["label"]].append(found is not None)
            right.append(found == row["label"])
        else:
            alarms.append(found is not None)
    every = [h for kind in hits.values() for h in kind]
    return {
        "calls": len(every),
        "calm": len(alarms),
        "recall": _share(every),
        **{f"recall_{kind}": _share(found) for kind, found in hits.items()},
        "right_kind": _share(right),
        "false_alarms": _share(alarms),
    }


def help_judge(screen: Screen) -> Help:
    """Return the judge of whole conversations by a screen: it remembers signs as the service does."""

    def judge(turns: Sequence[str]) -> HelpKind | None:
        kept = Turns()
        verdict = InputVerdict(kind="ok")
        for text in turns:
            verdict = screen.judge(text, kept.need_signs)
            kept = Turns(signs_by_message=heard(kept.signs_by_message, verdict.signs))
        return verdict.help_kind

    return judge


def last_turn_only(judge: Help) -> Help:
    """Return a judge that forgets: the baseline of a screen without memory."""
    return lambda turns: judge(turns[-1:])


def measure_masking(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the share of personal spans that no longer occur after masking, and of clean texts that were changed."""
    gone = [span not in mask(r["text"]) for r in rows for span in r["masked_spans"]]
    changed = [mask(r["text"]) != r["text"] for r in rows if not r["masked_spans"]]
    return {
        "spans": len(gone),
        "clean": len(changed),
        "recall": _share(gone),
        "over_masked": _share(changed),
    }


def measure_output(planted: Sequence[Row], answers: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return recall of planted bad sentences (any reason, and the one that is named) and alarms on real answers.

    An answer comes whole and without the names of shops and menus; the service screens it without, since names are facts.
    """
    bad = [r for r in planted if r["label"] != "ok"]
    good = [r["text"] for r in planted if r["label"] == "ok"]
    found = [screen_output(r["text"]) for r in bad]
    alarms = [bool(screen_output(bare)) for _, bare in answers]
    named = [bool(screen_output(whole)) for whole, _ in answers]
    return {
        "planted": len(bad),
        "recall": _share([bool(f) for f in found]),
        "right_reason": _share([r["label"] in f for r, f in zip(bad, found, strict=True)]),
        "good_sentences": len(good),
        "good_stopped": _share([bool(screen_output(t)) for t in good]),
        "template_answers": len(answers),
        "template_alarms": sum(alarms),
        "template_alarms_with_names": sum(named),
    }


def roc(
    scores: npt.NDArray[np.float64], bad: npt.NDArray[np.bool_], grid: Sequence[float]
) -> tuple[float, tuple[float, ...]]:
    """Return the ROC AUC and the recall at every share of false alarms in `grid`."""
    clean = np.sort(scores[~bad])[::-1]
    recalls = []
    for share in grid:
        limit = clean[min(int(share * len(clean)), len(clean) - 1)]
        recalls.append(round(float((scores[bad] > limit).mean()), 4))
    return round(auc(scores, bad), 4), tuple(recalls)


def _share(hits: Sequence[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None
