"""Configuration, typed and in one place. `Settings.load(path)` is the only reader of YAML and environment.

An unknown key is an error. Environment variables `NAVIYAM__SECTION__KEY` override the file.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from naviyam.errors import ConfigError

ENV_PREFIX = "NAVIYAM__"


class Section(BaseModel):
    """Base of every section: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Paths(Section):
    """Folders. Relative ones start at the working directory."""

    state: Path = Path(".naviyam")
    """Catalogue, index, models, events of this installation."""

    cache: Path = Path("~/.cache/naviyam")
    """Converted base models: large, remade from packages when missing."""

    adapters: Path = Path("adapters")
    """LoRA adapters that come with the repository."""

    classifier: Path = Path("models/nlu")
    """The intent classifier that comes with the repository (`naviyam train nlu` makes it again)."""

    safety_classifier: Path = Path("models/safety")
    """The classifier of the input screen (`python -m training.safety` makes it again); without it the rules decide."""

    shared_data: Path = Path("../shared/data")
    """Public data read in place where it lies; what needs it is left out, and says so, where it does not."""

    @property
    def catalog(self) -> Path:
        return self.state / "catalog"

    @property
    def index(self) -> Path:
        return self.state / "index"

    @property
    def models(self) -> Path:
        return self.state / "models"

    @property
    def events(self) -> Path:
        return self.state / "events"

    @property
    def runs(self) -> Path:
        return self.state / "runs"

    @property
    def user_key(self) -> Path:
        return self.state / "secrets" / "user_id.key"


class MealCardRules(Section):
    """What a municipality's card pays for one meal, in won."""

    default_limit_won: int = Field(9_500, gt=0)
    limit_won_by_municipality: dict[str, int] = Field(default_factory=dict)

    def limit_won(self, municipality: str | None) -> int:
        """Return the limit of a municipality, or the default."""
        return self.limit_won_by_municipality.get(municipality or "", self.default_limit_won)


class Places(Section):
    """Distances. Straight lines are multiplied by `detour` for walking."""

    walk_m_per_min: float = Field(67.0, gt=0)
    detour: float = Field(1.3, ge=1)
    dong_radius_m: float = 1_500
    station_radius_m: float = 800
    point_radius_m: float = 1_200
    widen: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Factors on the radius tried in order until enough shops fit."""

    enough: int = Field(3, ge=1)


class Nlu(Section):
    """Stage 4: when which layer is asked."""

    classifier: bool = True
    """False leaves the rules alone."""

    ask_classifier_below: float = Field(0.9, ge=0, le=1)
    """Confidence of the rules under which the classifier is asked; the surer of the two then decides."""

    llm: bool = False
    """True loads the adapter `llm_adapter` beside the champion and asks it where the others are unsure."""

    llm_adapter: str = "nlu"
    """Folder under paths.adapters."""

    ask_llm_below: float = Field(0.5, ge=0, le=1)
    """Confidence under which the language model is asked, and that of its answer: its share of right ones when asked."""

    llm_timeout_s: float = Field(1.0, gt=0)
    """After so long the other layers' understanding stands, and for `llm_pause_s` nobody is asked."""

    llm_pause_s: float = Field(10.0, ge=0)
    llm_filters: bool = False
    """True takes filters from the language model too, where the words for them stand in the message."""


class Retrieval(Section):
    """Encoder and index."""

    encoder: str = "use-multilingual-v3"
    """`use-multilingual-v3` (packaged, 512 numbers) or any sentence-transformers name."""

    query_prefix: str = ""
    passage_prefix: str = ""
    threads: int = Field(1, ge=1)
    top_k: int = Field(20, ge=1, le=200)
    lexical_weight: float = 1.0
    dense_weight: float = 0.5
    near_weight: float = 0.2
    """Shares of words, meaning and nearness in a shop's score. Meaning against words was tuned on the development part
    of `retrieval_queries` (0.2 to 1 tried); nearness only breaks near-ties of the two."""

    exact_up_to: int = Field(50_000, ge=0)
    """Shops up to which every search is exact: at 5,453 it takes 0.4 ms, no more than an approximate index. At
    100,000 it took 39 ms, HNSW 0.8 ms (recall@20 .87, 256 candidates) and IVF 0.7 ms (.84, 64 lists)."""

    ivf_from: int = Field(2_000_000, ge=0)
    """Shops from which the index is an IVF; below it is an HNSW graph. At 1,000,000, on two busy cores, the graph
    found .85 of the best 20 in 3.3 ms, the IVF .83 in 10 ms (exact 335 ms); it took 1.30 GB against 1.04 and 24
    minutes to build against 16. Beyond, where nothing was measured, building and memory decide."""

    direct_up_to: int = Field(50_000, ge=0)
    """Where a filter leaves at most so many shops, they are compared one by one and exactly: 5,000 take 1 ms, 25,000
    13 ms. Of 1,000,000, filtered inside an index, 50,000 cost as much and lose up to 2 % of the best 20."""

    ivf_probe: int = Field(128, ge=1)
    """Lists of an IVF that an unfiltered search reads; with a filter, more by the share it leaves."""

    hnsw_links: int = Field(32, ge=4)
    hnsw_build: int = Field(120, ge=4)
    hnsw_search: int = Field(512, ge=4)
    """Candidates that an unfiltered walk of the graph keeps; with a filter, more by the share it leaves."""


class Funnel(Section):
    """The four funnels' sizes and the popularity formula (spec 2, 5B)."""

    popularity_limit: int = 50
    content_limit: int = 30
    collaborative_limit: int = 25
    contextual_limit: int = 20
    merged_limit: int = 20
    view_weight: float = 0.4
    order_weight: float = 0.6
    half_life_days: float = 30.0
    smoothing: float = 5.0


class Ranker(Section):
    """Stage 6: how much of the order is left to chance, so that other orders can be judged from the log."""

    exploration: float = Field(0.1, ge=0, le=1)
    """Share of the chat answers whose order is drawn, among shops that keep every wish; 0 draws none. With the defaults
    of the three the expected NDCG@3 falls from 0.530 and 0.453 by 0.002 and 0.003 (two simulated worlds, 105 and 102
    lists, `training.wide_deep.study`); all drawn at a temperature of 0.4 it would be 0.10 and 0.09."""

    exploration_among: int = Field(5, ge=2, le=20)
    """How many of the best candidates an answer is drawn from."""

    exploration_temperature: float = Field(0.1, gt=0)
    """Of the Plackett-Luce draw, in units of the score (0..1): a shop scored this much higher is e times as likely."""


class RankerIncremental(Section):
    """The training of Wide & Deep that continues a parent (spec 3)."""

    epochs: int = Field(5, ge=1)
    learning_rate: float = Field(1e-4, gt=0)
    wide_learning_rate: float = Field(5e-3, gt=0)
    """As many times `learning_rate` as in the initial training."""

    replay_share: float = Field(0.3, ge=0, lt=1)
    """Share of the rows learned from that come from the parent's own data set, where it is still on disk: what was
    learned before is not forgotten for a week's clicks."""


class RankerTraining(Section):
    """The initial training of Wide & Deep (spec 3)."""

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3
    wide_learning_rate: float = Field(5e-2, gt=0)
    """Of the 50 wide weights, which stand beside embeddings and need larger steps."""

    dropout: float = 0.3
    seed: int = 7
    good_influence_weight: float = 0.3
    max_samples: int = 20_000
    shuffle_window: int = Field(65_536, ge=1)
    """Rows held and shuffled at a time; more than that stream by."""

    incremental: RankerIncremental = RankerIncremental()


class LoraStage(Section):
    """One kind of LoRA training (spec 3). A step learns from `batch_size` x `accumulation` samples."""

    epochs: int = Field(3, ge=1)
    learning_rate: float = Field(1e-4, gt=0)
    batch_size: int = Field(4, ge=1)
    accumulation: int = Field(1, ge=1)
    warmup_steps: int = Field(20, ge=0)
    """At most half of all steps."""


class LoraTuning(Section):
    """LoRA training of the writer: `initial` on the plain base, `incremental` from the adapter that serves."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    checkpoint_every: int = Field(40, ge=1)
    """Steps; every epoch's end is one besides."""

    initial: LoraStage = LoraStage()
    incremental: LoraStage = LoraStage(
        epochs=2, learning_rate=5e-5, accumulation=2, warmup_steps=50
    )


class Distributed(Section):
    """Training with `--workers N` on Ray Train, and tuning."""

    address: str = ""
    """Address of a Ray cluster. "" is the job's own cluster, else that of `naviyam up`, else a session for the run alone."""

    storage: str = ""
    """Where checkpoints lie: a folder or URI that every node reaches. "" is `paths.state`/runs."""

    max_failures: int = Field(3, ge=0)
    """Times that dead workers are replaced before a run fails."""

    strategy: Literal["ddp", "fsdp"] = "ddp"
    """`fsdp` spreads a base over the workers that one device cannot hold."""

    cpus_per_worker: float = Field(1.0, gt=0)
    gpus_per_worker: float = Field(0.0, ge=0)


class Writing(Section):
    """Stage 7."""

    temperature: float = Field(0.7, ge=0)
    top_k: int = Field(20, ge=0)
    """How many tokens are drawn from; 0 means all. On a CPU much cheaper than `top_p`, which sorts the vocabulary."""

    top_p: float = Field(1.0, gt=0, le=1)
    max_tokens: int = Field(256, ge=16)
    first_token_timeout_s: float = 3.0
    total_timeout_s: float = 8.0
    max_emoji: int = 2


class WritingEvaluation(Section):
    """How many answers `naviyam evaluate writing` judges, and what they must hold."""

    answers: int = Field(40, ge=1)
    full_answers: int = Field(10_000, ge=1)
    template_answers: int = Field(200, ge=1)
    full_base_answers: int = Field(100, ge=1)
    at_once: int = Field(24, ge=1)
    max_wrong_facts: int = 0
    max_degraded_share: float = 0.05
    max_long_share: float = 0.05
    """Share of answers in which a shop gets more than three sentences."""

    def count(self, writer: str, *, full: bool) -> int:
        """Return how many answers of a writer are judged; the plain base writes with `full` only."""
        if writer == "template":
            return self.full_answers if full else self.template_answers
        if writer == "base":
            return self.full_base_answers if full else 0
        return self.full_answers if full else self.answers


class Evaluation(Section):
    """How a trained candidate is measured beside the champion (spec 3, "Evaluate")."""

    draws: int = Field(1_000, ge=100)
    """Samples of the bootstrap behind every interval."""

    weight_limit: float = Field(100.0, gt=1)
    """At which the weights of off-policy estimates are clipped."""

    held_out_answers: int = Field(120, ge=10)
    """Answers of the held-out part that perplexity is measured on."""

    prompts: int = Field(40, ge=5)
    """Seeded questions that both adapters answer."""

    keyword_weight: float = Field(0.25, ge=0)
    quality_weight: float = Field(0.25, ge=0)
    grounded_weight: float = Field(0.3, ge=0)
    safe_weight: float = Field(0.2, ge=0)
    """The offline score of an adapter is the mean of the four measures with these weights, in 0..1."""


class LanguageModel(Section):
    """The engine and its base."""

    enabled: bool = True
    base: str = "smollm2-135m-instruct"
    """`smollm2-135m-instruct` (packaged GGUF, converted once) or a model name or folder for transformers."""

    adapter: str = "nlg"
    """Folder below `paths.adapters` served as champion; "" serves the plain base."""

    merge_champion: bool = True
    """True on a CPU: the champion lives in the weights, only a challenger is an adapter."""

    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """`auto`: bfloat16 on a GPU and on CPUs that compute it, else float32 (several times faster there)."""

    max_model_len: int = 1_024
    max_num_seqs: int = 32
    max_queued: int = 64
    max_loras: int = Field(4, ge=0)
    """Adapters loaded at once besides a merged champion; 0 serves none and is faster on a CPU."""

    max_lora_rank: int = 32
    """A challenger on a merged engine needs its own rank plus the champion's."""

    stream_interval: int = Field(4, ge=1)
    """Tokens per streamed piece; the first token always leaves at once."""

    stall_timeout_s: float = Field(30.0, gt=0)
    """Silence with work at hand after which a replica counts as ill."""

    ngram_speculation: bool = False
    """Pays where answers copy their prompt; with slots for names and prices they do not. On a CPU it needs
    `writing.temperature: 0`: vLLM 0.32 draws nonsense tokens there."""

    enforce_eager: bool = True
    kv_cache_gib: float = 1.0
    gpu_memory_utilization: float = 0.85
    tensor_parallel: int = 1
    num_gpus: float = 0.0


class Autoscale(Section):
    """Replicas of one deployment."""

    min_replicas: int = 1
    max_replicas: int = 1
    target_ongoing_requests: int = 16
    max_ongoing_requests: int = 128
    max_queued_requests: int = 256
    upscale_delay_s: float = 5.0
    downscale_delay_s: float = 60.0
    num_cpus: float = 0.5


class Serving(Section):
    """HTTP and the shape of the application."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)
    dashboard_port: int = Field(8265, ge=0, le=65_535)
    light_stages: Literal["in_process", "deployments"] = "in_process"
    ingress: Autoscale = Autoscale()
    retriever: Autoscale = Autoscale()
    ranker: Autoscale = Autoscale()
    llm: Autoscale = Autoscale(max_queued_requests=32)
    """`max_ongoing_requests` must exceed `llm.max_num_seqs` + `llm.max_queued`: the engine refuses first."""

    max_message_chars: int = 500
    max_body_bytes: int = 65_536
    max_concurrent_chats: int = 64
    request_timeout_s: float = 12.0
    retry_after_s: float = 2.0
    feedback_fsync_window_s: float = 0.002
    memory_ttl_s: float = 1_800.0
    memory_max_sessions: int = 10_000


class Safety(Section):
    """Spec 6: what is decided by numbers."""

    raw_text_days: int = 30

    offensive_threshold: float = Field(0.7, gt=0, le=1)
    """Probabilities above which the classifier decides. Chosen for under 1 % false alarms on clean talk."""

    attack_threshold: float = Field(0.30, gt=0, le=1)
    hunger_threshold: float = Field(0.40, gt=0, le=1)
    hurt_threshold: float = Field(0.30, gt=0, le=1)
    self_harm_threshold: float = Field(0.35, gt=0, le=1)
    """These three for under 0.5 % false alarms on the food talk of the development sets of understanding, and none on those
    of calm talk: the lowest that cost nothing there, since a quiet call that is missed is worse."""

    least_letters: int = Field(3, ge=0)
    """Shorter messages are the rules' alone: two letters (밥) say too little to weigh."""

    name_letters: int = Field(12, ge=0)
    """One word of at most so many letters may be a dish or a shop never seen: rude or not, the rules decide."""

    calm_margin: float = Field(0.5, ge=0, le=1)
    """Added to the three thresholds where the message itself also names food it wants, laughs, or says why it did not eat;
    what the messages before it said raises nothing."""


class EventLog(Section):
    """The log of interactions and feedback (spec 3)."""

    uri: str = ""
    """Where closed segments and Parquet go: a folder or a URI of pyarrow (`s3://bucket/events`). "" is `paths.state`/events,
    where segments are written in any case."""

    segment_records: int = Field(1_000, ge=1)
    """Records after which a segment closes."""

    segment_age_s: float = Field(900.0, gt=0)
    """Seconds after which a segment closes."""

    ship_every_s: float = Field(10.0, gt=0)
    """How often closed segments are carried to `uri`."""

    merge_up_to_mib: float = Field(32.0, gt=0)
    """Size up to which compaction joins the Parquet files of an hour."""


class Release(Section):
    """When a trained candidate may serve (spec 1). Gains are relative to the champion: 0.02 is 2 %."""

    adapter_score_gain: float = Field(0.05, ge=0)
    """Besides, the perplexity must fall."""

    ranker_gain: float = Field(0.02, ge=0)
    """Of precision@5 or NDCG@5; the other may fall by at most `ranker_tolerance`."""

    ranker_tolerance: float = Field(0.02, ge=0)
    classifier_gain: float = Field(0.0, ge=0)
    """Of the intents' accuracy; it must rise in any case."""

    adapter_guards: tuple[str, ...] = ("grounded", "safe")
    classifier_guards: tuple[str, ...] = ("slot_f1",)
    guard_tolerance: float = Field(0.0, ge=0)
    """Share by which a guard metric may fall."""

    require_interval: bool = True
    """A gain whose paired bootstrap interval holds 0 may be chance, and is refused."""

    canary_offline_gain: float = Field(0.02, ge=0)
    canary_satisfaction_gain: float = Field(0.05, ge=0)
    canary_click_gain: float = Field(0.03, ge=0)
    """What an adapter (satisfaction) and a ranker (click-through) must gain in a canary besides offline."""


class Learning(Section):
    """From the event log to data sets; the values are spec 3's."""

    window_days: float = Field(7.0, gt=0)
    """How far back answers count."""

    min_samples: int = Field(50, ge=1)
    """Samples below which no set is published, and nothing counts as used."""

    min_satisfaction: float = Field(4.0, ge=1, le=5)
    max_response_s: float = Field(3.0, gt=0)
    """Slower answers are no model to follow. A small CPU takes 2 to 4 s: the card counts what that drops."""

    min_quality: float = Field(0.7, ge=0, le=1)
    shortest_answer_chars: int = Field(20, ge=1)
    longest_answer_chars: int = Field(400, ge=1)
    """Full marks for length lie between; a list of three shops with its notices has 100 to 300."""

    attribution_hours: float = Field(72.0, gt=0)
    """A click, order, favourite or rating later than this says nothing of the answer any more."""

    clicked_weight: float = Field(1.0, gt=0)
    favorited_weight: float = Field(1.5, gt=0)
    ordered_weight: float = Field(2.0, gt=0)
    rated_weight: float = Field(1.0, gt=0)
    min_stars: float = Field(4.0, ge=1, le=5)
    """A rating is a positive from here on."""

    hard_negative_score: float = Field(0.8, ge=0, le=1)
    hard_negative_weight: float = Field(1.5, gt=0)
    negatives_per_positive: int = Field(2, ge=1)
    max_position_weight: float = Field(3.0, ge=1)
    """Limit of the correction for position, a bound on its variance."""

    position_exponent: float = Field(0.5, ge=0, le=2)
    """Rank ** -this is the chance to be looked at, as long as the log has too few clicks to tell (Joachims et al. 2017 try
    0.5 to 2 on long lists of links; three shops are read more evenly)."""

    min_position_clicks: int = Field(200, ge=1)
    """Clicks from which the exponent is estimated."""

    train_share: float = Field(0.8, gt=0, lt=1)
    audited_answers: int = Field(200, ge=0)
    """Answers whose features are computed again and compared with those that were served."""


class Settings(Section):
    """Everything, with defaults for one small machine."""

    profile: str = "local"
    seed: int = 7
    paths: Paths = Paths()
    meal_card: MealCardRules = MealCardRules()
    places: Places = Places()
    nlu: Nlu = Nlu()
    retrieval: Retrieval = Retrieval()
    funnel: Funnel = Funnel()
    ranker: Ranker = Ranker()
    ranker_training: RankerTraining = RankerTraining()
    writing: Writing = Writing()
    writing_evaluation: WritingEvaluation = WritingEvaluation()
    evaluation: Evaluation = Evaluation()
    llm: LanguageModel = LanguageModel()
    serving: Serving = Serving()
    safety: Safety = Safety()
    events: EventLog = EventLog()
    release: Release = Release()
    lora_training: LoraTuning = LoraTuning()
    distributed: Distributed = Distributed()
    learning: Learning = Learning()

    @model_validator(mode="after")
    def _cross_checks(self) -> Self:
        if self.writing.first_token_timeout_s > self.writing.total_timeout_s:
            raise ValueError(
                "writing.first_token_timeout_s is above writing.total_timeout_s; lower the first"
            )
        if self.writing.total_timeout_s >= self.serving.request_timeout_s:
            raise ValueError(
                "writing.total_timeout_s must be below serving.request_timeout_s; raise the second"
            )
        if self.llm.ngram_speculation and not self.llm.num_gpus and self.writing.temperature:
            raise ValueError(
                "llm.ngram_speculation on a CPU needs writing.temperature 0 (vLLM draws nonsense tokens there)"
            )
        return self

    @classmethod
    def load(cls, path: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Self:
        """Read a YAML file and the environment's overrides.

        Raises:
            ConfigError: the file is missing or not YAML, or a key is unknown or wrong; the message names it.
        """
        values: dict[str, Any] = {}
        if path is not None:
            try:
                loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
            except FileNotFoundError as e:
                raise ConfigError(f"no configuration file {path}; try configs/local.yaml") from e
            except yaml.YAMLError as e:
                raise ConfigError(f"{path} is not YAML: {e}") from e
            if loaded is not None and not isinstance(loaded, dict):
                raise ConfigError(
                    f"{path} must hold a mapping of sections, not {type(loaded).__name__}"
                )
            values = loaded or {}
        _apply_environment(values, os.environ if environ is None else environ)
        return cls.parse(values, source=str(path or "defaults"))

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, source: str = "settings") -> Self:
        """Validate a plain mapping; errors name the key and suggest a known one."""
        try:
            settings = cls.model_validate(values)
        except ValidationError as e:
            raise ConfigError(f"{source}: " + "; ".join(map(_explain, e.errors()))) from e
        paths = settings.paths
        expanded = paths.model_copy(
            update={name: getattr(paths, name).expanduser() for name in Paths.model_fields}
        )
        return settings.model_copy(update={"paths": expanded})


def _apply_environment(values: dict[str, Any], environ: Mapping[str, str]) -> None:
    for name, text in sorted(environ.items()):
        if not name.startswith(ENV_PREFIX):
            continue
        *sections, key = name.removeprefix(ENV_PREFIX).lower().split("__")
        target = values
        for section in sections:
            target = target.setdefault(section, {})
        target[key] = yaml.safe_load(text)


def _explain(error: Any) -> str:
    location = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(location.split(".")[-1], _all_keys(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return f"unknown key {location!r}{hint}"
    return f"{location or 'settings'}: {error['msg']}"


def _all_keys() -> list[str]:
    keys = list(Settings.model_fields)
    for model in Section.__subclasses__():
        keys.extend(model.model_fields)
    return keys
