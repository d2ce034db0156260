"""The training loop of the safety classifier on a handful of messages."""

import numpy as np

from naviyam.evaluation.safety_data import Sample
from naviyam.safety.classifier import HEADS, Classifier
from naviyam.text.easy import STIGMA_WORDS
from training.safety.data import own_samples
from training.safety.loop import Options, featurise, logits, train
from training.safety.ordinary import ordinary_talk
from training.safety.run import assemble, measured_on, save


class Numbers:
    """An embedder whose vectors say nothing."""

    name = "n"

    def encode_queries(self, texts):
        return np.zeros((len(texts), 4), np.float32)


def test_it_learns_and_what_is_saved_answers_the_same(tmp_path) -> None:
    texts = [("나 맞았어요", "hurt"), ("또 맞았어요", "hurt"), ("치킨 좋아요", "calm"), ("치킨 또 좋아요", "calm")]  # fmt: skip
    taught = assemble([Sample(text=t, source="own", label=k) for t, k in texts])
    matrix = featurise([s.text for s in taught.samples], Numbers())
    weights = train(matrix, taught.target, taught.weight, Options(iterations=8))
    hurt = logits(matrix, weights)[:, HEADS.index("hurt")]
    assert hurt[:2].min() > hurt[2:].max()
    card = {"kind": "safety_classifier", "heads": list(HEADS), "encoder": "n", "encoder_dimension": 4, "version": "t"}  # fmt: skip
    save(tmp_path, weights, card)
    again = Classifier.load(tmp_path, Numbers())
    for text, logit in zip((t for t, _ in texts), hurt, strict=True):
        p = again.probabilities(text, (False, False, False))["hurt"]
        assert np.isclose(np.log(p / (1 - p)), logit, atol=1e-3)


def test_own_messages_are_varied_and_labelled() -> None:
    samples = own_samples()
    assert {s.label for s in samples} == {"hunger", "hurt", "self_harm", "calm", "attack", "alcohol", "safe", "rude"}  # fmt: skip
    assert len({s.text for s in samples}) == len(samples) > 1_000


def test_ordinary_talk_is_seeded_and_each_flow_is_in_it() -> None:
    talk = [s.text for s in ordinary_talk(7)]
    assert talk == [s.text for s in ordinary_talk(7)] != [s.text for s in ordinary_talk(8)]
    assert len(set(talk)) == len(talk) > 1_000
    for part in ("주소", "알레르기", "ㅎㅇ", "굶", "잔액"):
        assert any(part in t for t in talk)
    assert not any(word in t for word in STIGMA_WORDS for t in talk)


def test_ordinary_talk_teaches_every_head_and_what_is_measured_is_known() -> None:
    taught = assemble(ordinary_talk(7)[:5])
    assert (taught.weight > 0).all()
    assert (taught.target == 0).all()
    assert {"첫번째주소알려줘", "버섯극혐"} < measured_on()


def test_clean_talk_that_the_rules_hear_as_a_call_for_help_teaches_no_help_head() -> None:
    texts = ("집에 쌀이 떨어졌어요", "치킨 먹자")
    taught = assemble([Sample(text=t, source="3i4k", label="clean") for t in texts])
    help_heads = [HEADS.index(h) for h in ("attack", "hunger", "hurt", "self_harm")]
    assert (taught.weight[0, help_heads] == 0).all()
    assert (taught.weight[1] > 0).all()
    own = assemble([Sample(text=texts[0], source="own", label="hunger")])
    assert own.weight[0, HEADS.index("hunger")] > 0
