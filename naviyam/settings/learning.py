"""From the event log to a released version: data sets, evaluation, release."""

from typing import Literal

from pydantic import Field

from naviyam.settings.section import Section


class EventLog(Section):
    """The log of interactions and feedback (spec 3)."""

    uri: str = ""
    """Where closed segments and Parquet go: a folder or a URI of pyarrow (`s3://bucket/events`). "" is `paths.state`/events,
    where segments are written unless `spool` says otherwise."""

    spool: str = ""
    """Folder of each machine's own disk where segments are written before they go to `uri`. "" is `paths.state`/events;
    where that folder is shared by machines (NFS), a local one is needed, and a `uri`."""

    segment_records: int = Field(1_000, ge=1)
    """Records after which a segment closes."""

    segment_age_s: float = Field(900.0, gt=0)
    """Seconds after which a segment closes."""

    ship_every_s: float = Field(10.0, gt=0)
    """How often closed segments are carried to `uri`."""

    merge_up_to_mib: float = Field(32.0, gt=0)
    """Size up to which compaction joins the Parquet files of an hour."""


class Learning(Section):
    """From the event log to data sets; the values are spec 3's."""

    window_days: float = Field(7.0, gt=0)
    """How far back answers count."""

    source: Literal["auto", "real", "simulated"] = "auto"
    """Whose answers a set is made of, never both: `auto` takes the real ones where the window holds any, else the simulated."""

    min_samples: int = Field(50, ge=1)
    """Samples below which no set is published, and nothing counts as used."""

    min_satisfaction: float = Field(4.0, ge=1, le=5)
    """Stars from which a conversation is a good one."""

    max_response_s: float = Field(3.0, gt=0)
    """Slower answers are no model to follow. A small CPU takes 2 to 4 s: the card counts what that drops."""

    min_quality: float = Field(0.7, ge=0, le=1)
    """Quality score from which an answer is learned from."""

    shortest_answer_chars: int = Field(20, ge=1)
    """Shorter answers are not learned from."""

    longest_answer_chars: int = Field(400, ge=1)
    """Full marks for length lie between; a list of three shops with its notices has 100 to 300."""

    attribution_hours: float = Field(72.0, gt=0)
    """A click, order, favourite or rating later than this says nothing of the answer any more."""

    clicked_weight: float = Field(1.0, gt=0)
    """What a click weighs as a positive."""

    favorited_weight: float = Field(1.5, gt=0)
    """What a favourite weighs."""

    ordered_weight: float = Field(2.0, gt=0)
    """What an order weighs."""

    rated_weight: float = Field(1.0, gt=0)
    """What a good rating weighs."""

    min_stars: float = Field(4.0, ge=1, le=5)
    """A rating is a positive from here on."""

    hard_negative_score: float = Field(0.8, ge=0, le=1)
    """Served score above which a shop that was not chosen is a hard negative."""

    hard_negative_weight: float = Field(1.5, gt=0)
    """What a hard negative weighs."""

    negatives_per_positive: int = Field(2, ge=1)
    """At most so many negatives for a positive."""

    max_position_weight: float = Field(3.0, ge=1)
    """Limit of the correction for position, a bound on its variance."""

    position_exponent: float = Field(0.5, ge=0, le=2)
    """Rank ** -this is the chance to be looked at, as long as the log has too few clicks to tell (Joachims et al. 2017 try
    0.5 to 2 on long lists of links; three shops are read more evenly)."""

    min_position_clicks: int = Field(200, ge=1)
    """Clicks from which the exponent is estimated."""

    train_share: float = Field(0.8, gt=0, lt=1)
    """Share of the time, from its beginning, that is trained on; the rest is held out."""

    audited_answers: int = Field(200, ge=0)
    """Answers whose features are computed again and compared with those that were served."""


class WritingEvaluation(Section):
    """How many answers `naviyam evaluate writing` judges, and what they must hold."""

    answers: int = Field(40, ge=1)
    """Answers of the served writer."""

    full_answers: int = Field(10_000, ge=1)
    """As many with `--full`."""

    template_answers: int = Field(200, ge=1)
    """Answers of the template writer."""

    full_base_answers: int = Field(100, ge=1)
    """Answers of the plain base, with `--full`."""

    at_once: int = Field(24, ge=1)
    """Answers asked for at the same time."""

    max_wrong_facts: int = 0
    """Answers with a wrong fact that may pass."""

    max_degraded_share: float = 0.05
    """Share of answers that the template had to write."""

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
    """At which weights that correct for the chance of being looked at, or of being shown, are clipped."""

    held_out_answers: int = Field(120, ge=10)
    """Answers of the held-out part that perplexity is measured on."""

    prompts: int = Field(40, ge=5)
    """Seeded questions that both adapters answer. With the defaults one core measures two adapters in one to three minutes."""

    threads: int = Field(1, ge=1)
    """Of torch while adapters are measured on a CPU."""

    keyword_weight: float = Field(0.25, ge=0)
    """Weight of the expected words in the offline score."""

    quality_weight: float = Field(0.25, ge=0)
    """Weight of the quality score."""

    grounded_weight: float = Field(0.3, ge=0)
    """Weight of answers whose facts hold."""

    safe_weight: float = Field(0.2, ge=0)
    """The offline score of an adapter is the mean of the four measures with these weights, in 0..1."""


class Release(Section):
    """When a trained candidate may serve (spec 1). Gains are relative to the champion: 0.02 is 2 %."""

    adapter_score_gain: float = Field(0.05, ge=0)
    """Besides, the perplexity must fall."""

    ranker_gain: float = Field(0.02, ge=0)
    """Of precision@5 or NDCG@5; the other may fall by at most `ranker_tolerance`."""

    ranker_tolerance: float = Field(0.02, ge=0)
    """Share by which the other of the two may fall."""

    ranker_memory_tolerance: float = Field(0.05, ge=0)
    """Share by which the AUC may fall on what the champion was judged by, where that set is still on disk."""

    classifier_gain: float = Field(0.0, ge=0)
    """Of the intents' accuracy; it must rise in any case."""

    adapter_guards: tuple[str, ...] = ("grounded", "safe")
    """Measures of an adapter that must not fall."""

    classifier_guards: tuple[str, ...] = ("slot_f1",)
    """Measures of a classifier that must not fall."""

    guard_tolerance: float = Field(0.0, ge=0)
    """Share by which a guard metric may fall."""

    require_interval: bool = True
    """A gain whose paired bootstrap interval holds 0 may be chance, and is refused."""

    canary_offline_gain: float = Field(0.02, ge=0)
    """What a candidate must have gained offline to be promoted by its canary."""

    canary_satisfaction_gain: float = Field(0.05, ge=0)
    """What an adapter must gain in satisfaction."""

    canary_click_gain: float = Field(0.03, ge=0)
    """What an adapter (satisfaction) and a ranker (click-through) must gain in a canary besides offline."""
