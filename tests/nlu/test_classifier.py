"""The classifier as a file and as a layer: when it decides, and that the service lives without it."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save

from naviyam.conversation import Turns
from naviyam.errors import ArtifactError
from naviyam.nlu.classifier import (
    CARD_FILE,
    INTENTS,
    KIND,
    WEIGHTS_FILE,
    Classifier,
    load_classifier,
)
from naviyam.nlu.features import BUCKETS, MARKS, SCHEMA, marks_row, ngram_row
from naviyam.nlu.layers import LayeredUnderstander
from naviyam.nlu.rules import RuleUnderstander
from naviyam.request import Intent

RULES = RuleUnderstander(["관악구"])


class BlindEncoder:
    """Sees nothing: every text is the same vector."""

    name = "blind"
    dimension = 4

    def encode_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.zeros((len(texts), self.dimension), np.float32)

    encode_passages = encode_queries


def weights(certain: Intent, logit: float) -> dict[str, npt.NDArray[np.float32]]:
    out_bias = np.zeros(len(INTENTS), np.float32)
    out_bias[INTENTS.index(certain)] = logit
    return {
        "dense": np.zeros((4 + len(MARKS), 2), np.float32),
        "grams": np.zeros((BUCKETS, 2), np.float32),
        "hidden_bias": np.zeros(2, np.float32),
        "out": np.zeros((2, len(INTENTS)), np.float32),
        "out_bias": out_bias,
    }


def layered(certain: Intent, logit: float) -> LayeredUnderstander:
    classifier = Classifier(BlindEncoder(), weights(certain, logit), temperature=1.0)
    return LayeredUnderstander(RULES, classifier, ask_below=0.9)


def write(folder: Path, **changes: object) -> Path:
    content = save(weights(Intent.THANKS, 5.0))
    card = {
        "kind": KIND, "encoder": "blind", "features": SCHEMA, "intents": [i.value for i in INTENTS],
        "temperature": 1.0, "sha256": sha256(content).hexdigest(), **changes,
    }  # fmt: skip
    (folder / WEIGHTS_FILE).write_bytes(content)
    (folder / CARD_FILE).write_text(json.dumps(card), encoding="utf-8")
    return folder


def test_it_decides_where_the_rules_know_nothing() -> None:
    got = layered(Intent.THANKS, 8.0).understand("그건 좀 그래", Turns())
    assert (got.intent, got.decided_by) == (Intent.THANKS, "classifier")
    assert got.confidence > 0.9


def test_the_rules_stay_where_they_are_surer() -> None:
    sure = layered(Intent.THANKS, 8.0).understand("만원 이하 치킨집 추천해줘", Turns())
    assert (sure.intent, sure.decided_by) == (Intent.BUDGET_FOOD_INQUIRY, "rules")
    unsure = layered(Intent.THANKS, 1.0).understand("치킨", Turns())
    assert (unsure.intent, unsure.decided_by) == (Intent.FOOD_RECOMMENDATION, "rules")


def test_safety_is_never_overruled() -> None:
    said = "집에 먹을 게 하나도 없어요"
    got = layered(Intent.THANKS, 50.0).understand(said, Turns())
    assert (got.intent, got.decided_by) == (Intent.HELP_NEEDED, "safety")
    assert layered(Intent.THANKS, 50.0).consider(said, Turns()).understanding.decided_by != "safety"


def test_what_was_said_becomes_a_filter_with_the_new_intent() -> None:
    got = layered(Intent.REFINE, 8.0).understand("관악구", Turns())
    assert (got.intent, got.filters.location) == (Intent.REFINE, "관악구")
    assert layered(Intent.OUT_OF_SCOPE, 8.0).understand("관악구", Turns()).filters.to_dict() == {}


def test_files_are_read_back(tmp_path: Path) -> None:
    classifier = Classifier.load(write(tmp_path), BlindEncoder())
    assert classifier.decide(RULES.read("아무 말", Turns()).findings).intent is Intent.THANKS


@pytest.mark.parametrize("change", [{"encoder": "another"}, {"features": "old"}, {"sha256": "0"}, {"kind": "wide_deep"}])  # fmt: skip
def test_what_does_not_fit_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    with pytest.raises(ArtifactError):
        Classifier.load(write(tmp_path, **change), BlindEncoder())


def test_without_a_file_the_rules_are_alone_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_classifier(tmp_path / "none", BlindEncoder()) is None
    assert "rules alone" in caplog.text


def test_features_are_the_same_for_the_same_message() -> None:
    assert ngram_row("배고파").tolist() == ngram_row("배 고 파").tolist()
    marks = dict(
        zip(MARKS, marks_row(RULES.read("치킨 말고 관악구 피자", Turns()).findings), strict=True)
    )
    assert [k for k, v in marks.items() if v] == ["category", "location", "unwanted"]
