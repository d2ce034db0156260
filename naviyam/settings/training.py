"""How models are trained."""

from typing import Literal

from pydantic import Field

from naviyam.settings.section import Section


class RankerIncremental(Section):
    """The training of Wide & Deep that continues a parent (spec 3)."""

    epochs: int = Field(5, ge=1)
    """Passes over the new rows."""

    learning_rate: float = Field(1e-4, gt=0)
    """Of the deep part."""

    wide_learning_rate: float = Field(5e-3, gt=0)
    """As many times `learning_rate` as in the initial training."""

    replay_share: float = Field(0.3, ge=0, lt=1)
    """Share of the rows learned from that come from the parent's own data set, where it is still on disk: what was
    learned before is not forgotten for a week's clicks."""


class RankerTraining(Section):
    """The initial training of Wide & Deep (spec 3)."""

    epochs: int = 10
    """Passes over the rows."""

    batch_size: int = 32
    """Rows of a step."""

    learning_rate: float = 1e-3
    """Of the deep part."""

    wide_learning_rate: float = Field(5e-2, gt=0)
    """Of the 50 wide weights, which stand beside embeddings and need larger steps."""

    dropout: float = 0.3
    """Share of the units left out in a step."""

    seed: int = 7
    """Of the weights' start and of the shuffle."""

    good_influence_weight: float = 0.3
    """What is added to the weight of a good-influence shop's positives."""

    max_samples: int = 20_000
    """Rows of the initial set at most."""

    shuffle_window: int = Field(65_536, ge=1)
    """Rows held and shuffled at a time; more than that stream by."""

    incremental: RankerIncremental = RankerIncremental()


class LoraStage(Section):
    """One kind of LoRA training (spec 3). A step learns from `batch_size` x `accumulation` samples."""

    epochs: int = Field(3, ge=1)
    """Passes over the samples."""

    learning_rate: float = Field(1e-4, gt=0)
    """At the end of the warm-up."""

    batch_size: int = Field(4, ge=1)
    """Samples held at once."""

    accumulation: int = Field(1, ge=1)
    """Batches that a step learns from."""

    warmup_steps: int = Field(20, ge=0)
    """At most half of all steps."""

    def with_batches(self, scale: float) -> "LoraStage":
        """Return the stage with less held at once; a step learns from as many samples as before, within rounding."""
        size = max(1, round(self.batch_size * scale))
        steps = max(1, round(self.batch_size * self.accumulation / size))
        return self.model_copy(update={"batch_size": size, "accumulation": steps})


class LoraTuning(Section):
    """LoRA training of the writer: `initial` on the plain base, `incremental` from the adapter that serves."""

    rank: int = Field(16, ge=1)
    """Of the adapter; at most `llm.max_lora_rank`."""

    alpha: int = Field(32, ge=1)
    """Scale of the adapter, over its rank."""

    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of the adapter's inputs left out in a step."""

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

    checkpoint_every_s: float = Field(15.0, ge=0)
    """Least time between two checkpoints of the ranker and the classifier, whose epochs may be shorter than Ray needs for one."""

    strategy: Literal["ddp", "fsdp"] = "ddp"
    """`fsdp` spreads a base over the workers that one device cannot hold."""

    cpus_per_worker: float = Field(1.0, gt=0)
    """CPUs of one training worker."""

    gpus_per_worker: float = Field(0.0, ge=0)
    """GPUs of one training worker."""
