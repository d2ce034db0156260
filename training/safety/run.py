"""The whole training as one call: samples, features, weights, figures on the unseen part, a saved model."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save as tensors_to_bytes

from naviyam.evaluation.ranking import auc
from naviyam.evaluation.safety_data import (
    CLEAN_SETS,
    OFFENSIVE_SETS,
    Sample,
    part_of,
    public_samples,
)
from naviyam.evaluation.safety_sets import load_safety_set
from naviyam.request import CATEGORIES, Intent
from naviyam.safety.classifier import CARD_FILE, HEADS, KIND, WEIGHTS_FILE, Embedder, Weights
from naviyam.safety.screen import seeks_help
from naviyam.text.clean import normalise
from naviyam.text.dishes import DISHES
from training.artifact import write_model
from training.lora.questions import make_question
from training.nlu.data import load_data
from training.safety.data import HELP, bad_terms, own_samples
from training.safety.loop import F32, Options, featurise, logits, train
from training.safety.ordinary import SOURCE as ORDINARY
from training.safety.ordinary import ordinary_talk

FOOD_QUESTIONS = 1_500
BARE = (
    "밥", "밥!", "밥 줘", "밥집", "밥 먹자", "집밥", "혼밥", "한끼", "끼니", "배고파", "배고픔", "배고프다", "허기져", "출출해", "먹을 거", "뭐 먹지", "맛집", "식당", "간식", "군것질",
    "아침", "점심", "저녁", "야식", "아침밥", "점심밥", "저녁밥", "급식", "급식카드", "카드 돼?", "카드", "만원", "5천원", "싼 거", "싼 데", "공짜 쿠폰 있어?", "할인", "근처", "가까운 데", "지금 열린 데",
    "국물", "고기", "면", "매운 거", "안 매운 거", "단 거", "따뜻한 거", "시원한 거", "아무거나", "추천", "추천해줘", "다른 거", "더 싼 거", "1번", "두 번째", "응", "아니", "네", "ㅇㅇ", "ㄴㄴ", "안녕", "고마워",
)  # fmt: skip
MEASURED = ("calm", "help", "help2")
FALSE_ALARMS = 0.005
"""The share of clean talk at whose threshold the card gives recall."""

LICENCE = (
    "CC BY-SA 4.0: the weights were learned from hate_speech and apeach (CC BY-SA 4.0), curse_detection (MIT), "
    "3i4k (CC BY-SA 4.0), small talk (MIT) and our own messages; no sentence of them is contained"
)
_NOT_ABOUT_FOOD = (Intent.HELP_NEEDED, Intent.OUT_OF_SCOPE, Intent.COMPLAINT)
_OWN = 4.0
_FOOD = 2.0
_ELSEWHERE = 0.3
"""Clean talk of another kind than the offensive sets weighs less: else the model learns the kind, not the offence."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Set:
    """Samples with the targets and weights [n, heads] that they teach."""

    samples: tuple[Sample, ...]
    target: F32
    weight: F32


def assemble(samples: Sequence[Sample]) -> Set:
    """Return what each sample teaches each head; a weight of 0 says that it teaches it nothing."""
    target = np.zeros((len(samples), len(HEADS)), np.float32)
    weight = np.zeros_like(target)
    for i, sample in enumerate(samples):
        calls = sample.source != "own" and seeks_help(normalise(sample.text).text) is not None
        for j, head in enumerate(HEADS):
            target[i, j] = sample.label == head or (head == "offensive" and sample.label == "rude")
            weight[i, j] = _weight(sample, head, calls=calls)
    return Set(samples=tuple(samples), target=target, weight=weight)


def _weight(sample: Sample, head: str, *, calls: bool) -> float:
    """Return what a sample weighs for a head; `calls`: the rules hear a call for help, whatever its label."""
    if sample.source == "own":
        if head == "offensive":
            return 0.0 if sample.label in HELP else 1.0
        return 0.0 if head == "attack" and sample.label == "alcohol" else _OWN
    if head == "offensive":
        return (
            _ELSEWHERE
            if sample.source in CLEAN_SETS
            else 0.5
            if sample.source == "bad_words"
            else 1.0
        )
    if sample.source == "bad_words" or calls:
        return 0.0
    return _FOOD if sample.source in ("food", "intents", ORDINARY) else _ELSEWHERE


def food_questions(seed: int) -> list[Sample]:
    """Return clean questions made from parts, and words of food alone: a child may write no more than that."""
    rng = random.Random(seed)
    found = {make_question(rng).text.replace("{s}", "우리분식") for _ in range(FOOD_QUESTIONS)}
    found |= {*DISHES, *CATEGORIES, *BARE}
    return [Sample(text=t, source="food", label="clean") for t in sorted(found)]


def asked_of_us(data: Path, seed: int) -> list[Sample]:
    """Return the messages that teach the intents, where they are about food, as clean talk; without what is measured on."""
    examples = load_data(data, small_talk=0, seed=seed).examples
    asked = [e.text for e in examples if e.intent not in _NOT_ABOUT_FOOD]
    texts = dict.fromkeys(form for text in asked for form in (text, polite(text)))
    return [Sample(text=t, source="intents", label="clean") for t in texts]


def polite(text: str) -> str:
    """Return a message as a polite child ends it: calls for help are mostly polite, and politeness is none.

    >>> [polite(t) for t in ("카드 돼?", "얼마야", "추천해줘", "떡볶이 ㄱㄱ", "어디 있나요")]
    ['카드 돼요?', '얼마예요', '추천해 주세요', '떡볶이 ㄱㄱ', '어디 있나요']
    """
    body = text.rstrip("?!.~ ")
    tail = text[len(body) :]
    if body.endswith("줘"):
        return f"{body[:-1].rstrip()} 주세요{tail}"
    if body.endswith("야"):
        return f"{body[:-1]}예요{tail}"
    if body.endswith(tuple("어아해돼네지나까게래자")):
        return f"{body}요{tail}"
    return text


def measured_on() -> frozenset[str]:
    """Return the messages that the screen is measured on, without spaces: by hand or by chance one of ours may be the same."""
    sets = [load_safety_set(name).splits.values() for name in MEASURED]
    return frozenset(str(row["text"]).replace(" ", "") for s in sets for rows in s for row in rows)


def run(
    data: Path, out: Path, embedder: Embedder, *, seed: int, options: Options, code_version: str
) -> dict[str, Any]:
    """Train, measure on the report part, save weights and card under `out`; return the card.

    Raises:
        NotFoundError: the data are not there.
    """
    public = public_samples(data, seed=seed)
    parts = {
        part: [s for s in public if part_of(s.text, seed=seed) == part]
        for part in ("train", "threshold", "report")
    }
    clean = [s.text for s in parts["train"] if s.label == "clean"]
    ours = [*own_samples(), *food_questions(seed), *asked_of_us(data, seed), *ordinary_talk(seed)]
    held_out = measured_on()
    taught = assemble(
        [
            *parts["train"],
            *bad_terms(data, clean),
            *(s for s in ours if s.text.replace(" ", "") not in held_out),
        ]
    )
    matrix = featurise([s.text for s in taught.samples], embedder)
    weights = train(matrix, taught.target, taught.weight, options)
    metrics = measure(weights, parts, embedder)
    card = {
        "kind": KIND,
        "version": f"safety-{_digest_of(taught.samples)[:12]}",
        "parent": None,
        "base": None,
        "encoder": embedder.name,
        "encoder_dimension": int(matrix.meaning.shape[1]),
        "heads": list(HEADS),
        "options": asdict(options),
        "seed": seed,
        "dataset_hash": _digest_of(taught.samples),
        "samples": _counts(taught.samples),
        "metrics": metrics,
        "licence": LICENCE,
        "command": "python -m training.safety --data ../shared/data --out models/safety",
        "code_version": code_version,
    }
    return save(out, weights, card)


def save(out: Path, weights: Weights, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write weights and card."""
    names = ("idf", "pieces", "meaning", "flags", "bias")
    raw = tensors_to_bytes({n: np.ascontiguousarray(getattr(weights, n)) for n in names})
    whole = {**card, "digest": blake2b(raw, digest_size=16).hexdigest()}
    write_model(out, (WEIGHTS_FILE, raw), (CARD_FILE, whole))
    return whole


def measure(
    weights: Weights, parts: Mapping[str, list[Sample]], embedder: Embedder
) -> dict[str, Any]:
    """Return, by set, AUC and recall on the report part, and false alarms of every head on clean talk."""
    threshold = _scores(
        weights, [s for s in parts["threshold"] if s.source in CLEAN_SETS], embedder
    )
    limits = np.quantile(threshold, 1 - FALSE_ALARMS, axis=0)
    found: dict[str, Any] = {
        "threshold_logits": dict(zip(HEADS, limits.round(3).tolist(), strict=True))
    }
    for source in (*OFFENSIVE_SETS, *CLEAN_SETS):
        samples = [s for s in parts["report"] if s.source == source]
        scores = _scores(weights, samples, embedder)
        bad = np.array([s.label == "offensive" for s in samples])
        above = scores > limits
        figures: dict[str, Any] = {"n": len(samples), "false_alarms": _mean(above[~bad, 0])}
        if bad.any():
            figures |= {"recall": _mean(above[bad, 0]), "auc": round(auc(scores[:, 0], bad), 4)}
        else:
            figures |= {f"{h}_alarms": _mean(above[:, i]) for i, h in enumerate(HEADS) if i}
        found[source] = figures
    return found


def _scores(weights: Weights, samples: Sequence[Sample], embedder: Embedder) -> F32:
    return logits(featurise([s.text for s in samples], embedder), weights)


def _mean(hits: npt.NDArray[np.bool_]) -> float:
    return round(float(hits.mean()), 4)


def _counts(samples: Sequence[Sample]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for s in samples:
        counts[f"{s.source}/{s.label}"] = counts.get(f"{s.source}/{s.label}", 0) + 1
    return dict(sorted(counts.items()))


def _digest_of(samples: Sequence[Sample]) -> str:
    lines = sorted(f"{s.source}\t{s.label}\t{s.text}" for s in samples)
    return blake2b("\n".join(lines).encode("utf-8", "replace"), digest_size=16).hexdigest()
