"""A planted better ranker and a planted better adapter show in the figures; the log is read as the service wrote it."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from cluster.registry.release import Interval, Refused, decide
from naviyam.catalog.events import Events
from naviyam.catalog.store import write_tables
from naviyam.catalog.types import Shop
from naviyam.clock import FakeClock
from naviyam.errors import ArtifactError, InputError
from naviyam.evaluation.understanding import Utterance
from naviyam.features.spec import WIDE_INDEX, WIDE_SIZE, schema_hash
from naviyam.features.tables import CrossRates, FeatureTables
from naviyam.features.vocabulary import Vocabulary
from naviyam.feedback.events import CandidateLog, DrawLog, FeedbackEvent, InteractionEvent
from naviyam.feedback.log import AppendLog
from naviyam.feedback.store import EventStore
from naviyam.ranker.artifact import WEIGHTS_FILE, ModelCard, file_digests, shapes
from naviyam.ranker.explore import draw
from naviyam.recommendation import Recommendation
from naviyam.request import Filters, Intent, Understanding
from naviyam.settings import Learning, Settings
from training.datasets.absent import Absent
from training.datasets.read import RANKER_SCHEMA
from training.evaluation import answers, lora, nlu, ranker
from training.evaluation.__main__ import main
from training.evaluation.adapters import Draft, Loss
from training.evaluation.result import finite, write_result

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SHARE, TEMPERATURE, POOL = 0.8, 1.0, 4
TASTE = 7
ANSWERS = 300
NOBODY = Absent(forgotten={}, silent=frozenset())


class Silence:
    """An encoder to which every text is the same."""

    name = "silence"
    dimension = 4

    def encode_queries(self, texts):
        return np.ones((len(texts), 4), np.float32)

    encode_passages = encode_queries


def write_ranker(folder: Path, weight: float) -> Path:
    """A ranker whose score is one wide feature times a weight."""
    folder.mkdir()
    tables = FeatureTables(vocabulary=Vocabulary(), rates=CrossRates.empty(()))
    tables.save(folder)
    tensors = {n: np.zeros(s, np.float32) for n, s in shapes(tables.vocabulary, 4).items()}
    tensors["wide.weight"][0, TASTE] = weight
    save_file(tensors, folder / WEIGHTS_FILE)
    ModelCard(
        version=folder.name, parent=None, base=None, dataset_hash="0", metrics={},
        feature_schema_hash=schema_hash(), encoder="silence", encoder_dimension=4,
        code_version="t", seed=1, simulated=True, digests=file_digests(folder),
    ).save(folder)  # fmt: skip
    return folder


def interaction(number: int, rng: np.random.Generator, shops: list[str]) -> tuple[dict, list[str]]:
    """An answer served by a ranker that knows nothing of the taste, and the shops that were chosen from it."""
    wide = np.zeros((POOL, WIDE_SIZE), np.float32)
    wide[:, TASTE] = rng.random(POOL)
    wide[:, WIDE_INDEX["new_user"]] = number % 2
    scores = -np.sort(-rng.random(POOL))
    pool = rng.permutation(shops)[:POOL].tolist()
    drawn = draw(scores.tolist(), count=3, share=SHARE, temperature=TEMPERATURE, seed=number)
    looked = rng.random(3) < np.array([1.0, 0.7, 0.5])
    chosen = [
        pool[i] for i, look in zip(drawn.order, looked, strict=True)
        if look and rng.random() < wide[i, TASTE] ** 3
    ]  # fmt: skip
    record = InteractionEvent(
        interaction_id=f"i{number:04}", time=NOW + timedelta(minutes=number),
        user_id=f"u{number % 60}", session_id="s", route="chat", text="치킨",
        understanding=Understanding(intent=Intent.FOOD_RECOMMENDATION, confidence=1.0),
        shown=tuple(
            Recommendation(rank=k, shop_id=pool[i], name="", category="치킨", address="", score=float(scores[i]))
            for k, i in enumerate(drawn.order, start=1)
        ),
        response="", response_time_s=0.1, versions={}, variants={}, written_by="template", degraded=False, simulated=True,
        candidates=CandidateLog(
            shop_ids=tuple(pool), rag_scores=np.zeros(POOL, np.float32),
            funnel_scores=np.zeros((POOL, 4), np.float32), scores=scores.astype(np.float32),
            wide=wide, numeric=np.zeros((POOL, 10), np.float32),
        ),
        draw=DrawLog(
            share=SHARE, temperature=TEMPERATURE, explored=drawn.explored, propensity=drawn.propensity, pool=tuple(pool)
        ),
    ).to_record()  # fmt: skip
    return record, chosen


def write_events(settings: Settings, records: list[dict], chosen: list[list[str]]) -> None:
    clicks = [
        FeedbackEvent(
            user_id=r["user_id"], shop_id=shop, feedback_type="clicked", interaction_id=r["interaction_id"],
            recorded_at=NOW + timedelta(days=1), happened_at=NOW, idempotency_key=f"{r['interaction_id']}{shop}",
            simulated=True,
        ).to_record()
        for r, shops in zip(records, chosen, strict=True) for shop in shops
    ]  # fmt: skip
    write_records(settings, {"interactions": records, "feedback": clicks})


def write_records(settings: Settings, records: Mapping[str, Sequence[dict]]) -> None:
    store = EventStore.of(settings)
    for kind, rows in records.items():
        log = AppendLog(
            store.spool / kind, clock=FakeClock(current=NOW), keys=lambda k=kind: store.keys(k), window_s=0.0
        )  # fmt: skip
        for waiting in [log.append(row) for row in rows]:
            waiting.result()
        log.close()


def write_set(folder: Path, records: list[dict], chosen: list[list[str]]) -> Path:
    folder.mkdir()
    rows = [
        {
            "interaction_id": r["interaction_id"], "time": datetime.fromisoformat(r["recorded_at"]),
            "user_id": r["user_id"], "shop_id": s["shop_id"], "category": "치킨", "brand": "", "query": "",
            "route": "chat", "label": float(s["shop_id"] in some), "weight": 1.0, "rank": s["rank"],
            "score": s["score"], "propensity": s["propensity"], "examined": 1.0, "model": "m",
            "simulated": True, "wide": s["wide"], "numeric": s["numeric"],
        }
        for r, some in zip(records, chosen, strict=True) for s in r["shown"]
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=RANKER_SCHEMA)
    for part in ("train", "test"):
        pq.write_table(table, folder / f"{part}.parquet")
    card = {"kind": "ranker", "feature_schema_hash": schema_hash(), "simulated": True}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("evaluation")
    settings = Settings.parse({"paths": {"state": str(root)}, "evaluation": {"draws": 100}})
    version = root / "catalog" / "v1"
    version.mkdir(parents=True)
    shops = [
        Shop(shop_id=f"s{i}", name=f"가게{i}", category="치킨", sigungu="춘천시" if i % 2 else "강릉시")
        for i in range(20)
    ]  # fmt: skip
    write_tables(version, shops, (), (), Events.from_rows([], simulated=True), {})
    (root / "catalog" / "CURRENT").write_text("v1", encoding="utf-8")
    rng = np.random.default_rng(1)
    made = [interaction(n, rng, [s.shop_id for s in shops]) for n in range(ANSWERS)]
    records, chosen = [m[0] for m in made], [m[1] for m in made]
    write_events(settings, records, chosen)
    return SimpleNamespace(
        settings=settings,
        records=records,
        chosen=chosen,
        data=write_set(root / "set", records, chosen),
        good=write_ranker(root / "good", 4.0),
        bad=write_ranker(root / "bad", -4.0),
    )


@pytest.fixture(scope="module")
def result(world):
    return ranker.evaluate(
        world.settings, candidate=world.good, champion=world.bad, data=world.data, encoder=Silence()
    )


def test_the_planted_better_ranker_wins_every_comparison(result):
    for metric in ("ndcg_at_5", "precision_at_5", "recall_at_10", "auc"):
        assert result["candidate"][metric] > result["champion"][metric]
        assert result["difference"][metric]["low"] > 0
    assert result["baselines"]["random"]["ndcg_at_5"] < result["candidate"]["ndcg_at_5"]
    assert result["held_out"] == {
        "rows": 3 * ANSWERS, "users": 60, "answers": ANSWERS, "chosen": result["held_out"]["chosen"],
    }  # fmt: skip
    assert result["simulated"] is True


def test_the_log_says_so_too_without_having_shown_its_order(result):
    """The policy that served knew nothing of the taste; the weighted values tell the orders apart nevertheless."""
    found = result["off_policy"]
    assert found["answers"] == ANSWERS
    assert 0.7 < found["explored_share"] < 0.9
    assert found["difference"]["dr"]["low"] > 0
    for name in ("ips", "snips", "dr"):
        served = found["as_served"]["mean"]
        assert found["champion"][name]["mean"] < served < found["candidate"][name]["mean"]
    assert 10 < found["candidate"]["effective_sample_size"] < ANSWERS


def test_segments_tell_cold_users_and_districts(result):
    found = result["segments"]
    assert {"cold", "known", "district:춘천시"} <= set(found)
    assert 55 <= found["cold"]["users"] + found["known"]["users"] <= 60
    assert all(s["candidate"] > s["champion"] for s in found.values())


def test_the_same_ranker_twice_differs_in_nothing(world):
    same = ranker.evaluate(
        world.settings,
        candidate=world.good,
        champion=world.good,
        data=world.data,
        encoder=Silence(),
    )
    assert {(d["mean"], d["low"], d["high"]) for d in same["difference"].values()} == {(0, 0, 0)}
    assert same["off_policy"]["difference"]["dr"]["mean"] == 0


def test_a_log_without_exploration_says_why_there_is_no_value(world, tmp_path):
    silent = world.settings.model_copy(
        update={"paths": world.settings.paths.model_copy(update={"state": tmp_path})}
    )
    (tmp_path / "catalog").symlink_to(world.settings.paths.catalog)
    found = ranker.evaluate(
        silent, candidate=world.good, champion=world.bad, data=world.data, encoder=Silence()
    )
    assert "ranker.exploration" in found["off_policy"]["skipped"]


def test_what_the_champion_was_judged_by_is_asked_again(world, tmp_path):
    """A set of inverted labels judges a candidate that believed it by the same inversion; the earlier set does not."""
    sets = tmp_path / "datasets" / "ranker"
    sets.mkdir(parents=True)
    (tmp_path / "catalog").symlink_to(world.settings.paths.catalog)
    earlier = write_set(sets / "v0", world.records, world.chosen)
    card = json.loads((earlier / "card.json").read_text())
    (earlier / "card.json").write_text(
        json.dumps({**card, "hash": "0"})
    )  # as the cards of both say
    avoided = [
        [s["shop_id"] for s in r["shown"] if s["shop_id"] not in some]
        for r, some in zip(world.records, world.chosen, strict=True)
    ]
    inverted = write_set(sets / "v1", world.records, avoided)
    settings = Settings.parse({"paths": {"state": str(tmp_path)}, "evaluation": {"draws": 100}})
    found = ranker.evaluate(
        settings, candidate=world.bad, champion=world.good, data=inverted, encoder=Silence()
    )
    assert found["candidate"]["ndcg_at_5"] > found["champion"]["ndcg_at_5"]
    assert found["candidate"]["auc_before"] < 0.4 < 0.6 < found["champion"]["auc_before"]
    sure = {m: Interval(mean=0.1, low=0.05, high=0.2) for m in ("ndcg_at_5", "precision_at_5")}
    verdict = decide(
        "ranker", found["candidate"], found["champion"], settings.release, difference=sure
    )
    assert isinstance(verdict, Refused)
    assert "auc_before" in verdict.reasons[-1]


def test_an_answer_is_read_as_the_service_wrote_it(world):
    store = EventStore.of(world.settings)
    found = answers.read_answers(
        store, Learning(), NOBODY, start=NOW, stop=NOW + timedelta(minutes=9), simulated=True
    )
    assert len(found) == 10
    for answer, record, chosen in zip(found, world.records[:10], world.chosen[:10], strict=True):
        shown = [s["shop_id"] for s in record["shown"]]
        assert [answer.pool[i] for i in answer.order] == shown
        assert answer.chosen == tuple(float(s in chosen) for s in shown)
        assert answer.propensity == tuple(s["propensity"] for s in record["shown"])
        assert len(answer.wide) == POOL
    broken = {**world.records[0], "shown": [{**s, "wide": None} for s in world.records[0]["shown"]]}
    broken["shown"][0].pop("wide")
    assert answers.answer_of(broken, frozenset()) is None


def test_a_choice_is_one_s_own_good_and_in_time(world, tmp_path):
    settings = Settings.parse({"paths": {"state": str(tmp_path)}})
    records = world.records[:3]
    for i, user in enumerate(("u_a", "u_back", "u_silent")):
        records[i] = {**records[i], "user_id": user}
    shops = [s["shop_id"] for s in records[0]["shown"]]

    def told(shop: str, kind: str = "clicked", user: str = "u_a", hours: float = 1, stars=None):
        return FeedbackEvent(
            user_id=user, shop_id=shop, feedback_type=kind, recorded_at=NOW + timedelta(hours=hours),
            happened_at=NOW, interaction_id=records[0]["interaction_id"], satisfaction_score=stars,
        ).to_record()  # fmt: skip

    def read(*feedback):
        root = settings.model_copy(
            update={
                "paths": settings.paths.model_copy(update={"state": tmp_path / str(len(feedback))})
            }
        )
        write_records(root, {"interactions": records, "feedback": feedback})
        absent = Absent(forgotten={"u_back": NOW}, silent=frozenset({"u_silent"}))
        stop = NOW + timedelta(minutes=9)
        return answers.read_answers(
            EventStore.of(root), Learning(), absent, start=NOW, stop=stop, simulated=True
        )

    wrong = (
        told(shops[0], user="u_b"),
        told(shops[0], hours=72.1),
        told(shops[0], "rated", stars=3.0),
    )
    found = read(*wrong)
    assert [a.user_id for a in found] == ["u_a", "u_back-new"]
    assert found[0].chosen == (0.0, 0.0, 0.0)
    right = (told(shops[1], "rated", stars=4.0), told(shops[2], "ordered", hours=71.9))
    assert read(*wrong, *right)[0].chosen == (0.0, 1.0, 1.0)


def test_a_result_lies_whole_beside_the_candidate(tmp_path):
    model = tmp_path / "v1"
    model.mkdir()
    write_result(model, {"a": 1})
    path = write_result(model, finite({"a": float("nan"), "b": [0.5]}))
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": None, "b": [0.5]}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["v1", "v1.evaluation.json"]
    assert not list(model.iterdir())


def test_the_program_says_what_is_missing(tmp_path, capsys):
    arguments = ["--candidate", str(tmp_path), "--champion", str(tmp_path)]
    with pytest.raises(SystemExit) as usage:
        main(["ranker", *arguments])
    assert usage.value.code == 2
    assert main(["ranker", *arguments, "--data", str(tmp_path)]) == 1
    assert "card.json" in capsys.readouterr().err
    assert not list(tmp_path.parent.glob("*.evaluation.json"))


class Scripted:
    """Two adapters whose words and losses a test says."""

    def __init__(self, texts, nats):
        self.texts, self.nats, self.asked = texts, nats, []

    def losses(self, name, samples):
        return [Loss(nats=self.nats[name] * (1 + i % 3), tokens=10) for i in range(len(samples))]

    def write(self, name, prompts, *, max_tokens):
        self.asked.append((name, tuple(prompts)))
        return [Draft(text=self.texts[name], tokens=9, seconds=0.5) for _ in prompts]


def test_the_better_adapter_has_the_higher_score_and_the_lower_perplexity(world):
    requests = lora.make_requests(ranker.Catalog.load(world.settings.paths.catalog / "v1"), 12)
    texts = {
        "candidate": "@1: #1 $1, %1. @2: #2 $2, %2. @3: #3 $3, %3. 골라 볼까요?",
        "champion": "Best chicken! 맥주 한 잔 어때요? @9 가요.",
    }
    scripted = Scripted(texts, {"candidate": 1.0, "champion": 2.0})
    found = lora.compare(scripted, [("q", "a")] * 9, requests, world.settings)
    assert found["candidate"]["perplexity"] == pytest.approx(np.exp(0.2), abs=1e-4)
    assert found["difference"]["perplexity"]["high"] < 0
    for metric in ("score", "safe", "grounded"):
        assert found["difference"][metric]["low"] > 0
    assert found["difference"]["latency_s"]["mean"] == 0
    asked = {name: [p for n, batch in scripted.asked if n == name for p in batch] for name in texts}
    assert asked["candidate"] == asked["champion"]
    assert len(set(asked["candidate"])) > 6


def test_held_out_answers_are_read_or_refused(tmp_path, world):
    with pytest.raises(ArtifactError, match="no held-out part"):
        lora.read_held_out(tmp_path, world.settings)
    rows = {"prompt": [str(i) for i in range(500)], "completion": ["a"] * 500}
    pq.write_table(pa.table(rows), tmp_path / "test.parquet")
    found, simulated = lora.read_held_out(tmp_path, world.settings)
    assert len(found) == world.settings.evaluation.held_out_answers
    assert (found[0][0], found[-1][0], simulated) == ("0", "499", True)


def test_a_classifier_that_knows_more_intents_is_better(world):
    rows = [
        Utterance(text="x", intent=Intent.GREETING if i % 2 else Intent.THANKS, filters=Filters(category="치킨"))
        for i in range(40)
    ]  # fmt: skip
    right = [Understanding(intent=r.intent, confidence=1.0, filters=r.filters) for r in rows]
    wrong = [Understanding(intent=Intent.GREETING, confidence=1.0) for _ in rows]
    found = nlu.compare(rows, right, wrong, world.settings)
    assert found["candidate"] == {"intent_accuracy": 1.0, "slot_f1": 1.0, "exact": 1.0}
    assert found["champion"]["intent_accuracy"] == 0.5
    assert found["difference"]["intent_accuracy"]["low"] > 0
    assert found["difference"]["slot_f1"]["mean"] == 1.0


def test_a_held_out_part_without_a_choice_is_refused(world, tmp_path):
    nothing = write_set(tmp_path / "set", world.records[:5], [[]] * 5)
    with pytest.raises(InputError, match="wait for more feedback"):
        ranker.evaluate(
            world.settings,
            candidate=world.good,
            champion=world.bad,
            data=nothing,
            encoder=Silence(),
        )
