"""The control plane: jobs, the schedule, rollouts, monitoring, and who may steer them."""

from typing import Self

from pydantic import Field, model_validator

from naviyam.settings.section import Section


class ResourceGate(Section):
    """Shares of the machine above which no job is started (spec 1)."""

    cpu: float = Field(0.85, gt=0, le=1)
    """Share of the CPUs."""

    memory: float = Field(0.80, gt=0, le=1)
    """Share of the memory."""

    gpu: float = Field(0.90, gt=0, le=1)
    """Share of the GPUs."""


class JobPlace(Section):
    """What the process of a job takes of a node. All zero, it runs on the head."""

    num_cpus: float = Field(0.0, ge=0)
    """CPUs."""

    num_gpus: float = Field(0.0, ge=0)
    """GPUs, or a share of one."""

    resources: dict[str, float] = Field(default_factory=dict)
    """Custom resources: only a node that offers them gets it."""


class Jobs(Section):
    """The job controller (spec 4)."""

    database: str = ""
    """SQLAlchemy URL, such as `postgresql+psycopg://user@host/naviyam`. "" is a SQLite file below `paths.state`."""

    max_queued: int = Field(50, ge=1)
    """Jobs that may wait; the next one is refused."""

    max_running: int = Field(2, ge=1)
    """Jobs that run at once."""

    gate: ResourceGate = ResourceGate()
    tick_s: float = Field(1.0, gt=0)
    """How often the controller looks."""

    max_attempts: int = Field(4, ge=1)
    """Of a job whose errors are transient; each waits twice as long as the one before."""

    backoff_s: float = Field(10.0, ge=0)
    """Wait before the second attempt."""

    max_backoff_s: float = Field(600.0, ge=0)
    """Longest wait between two attempts."""

    deadline_s: float = Field(6 * 3600.0, gt=0)
    """Time after its start at which a job without a deadline of its own is stopped."""

    keep_logs_days: float = Field(30.0, gt=0)
    """After which a job's log is removed."""

    places: dict[str, JobPlace] = Field(default_factory=dict)
    """Where jobs of a kind run, such as `{lora: {num_gpus: 1}}`; kinds that are not named run on the head. Workers of a
    distributed training have their own share (`distributed`)."""


class Schedule(Section):
    """When the cluster learns by itself (spec 1)."""

    enabled: bool = True
    """False submits nothing by the clock."""

    cron: str = "0 */6 * * *"
    """Five fields, in `timezone`."""

    housekeeping_cron: str = "40 4 * * *"
    """When events are compacted and what has expired is removed (raw texts, sets of them, job logs)."""

    timezone: str = "Asia/Seoul"
    """Of both schedules."""

    max_trainings_a_day: int = Field(4, ge=1)
    """Runs of `learn` in a day of `timezone`, whoever asked for them."""

    clock_scale: float = Field(1.0, ge=1)
    """How many times faster than the machine's the schedule's clock runs: above 1 for demonstrations only."""


class RolloutStep(Section):
    """One step of a rollout: how many get the candidate, and what must be seen before the next one."""

    weight: float = Field(gt=0, le=1)
    least_s: float = Field(ge=0)
    least_users: int = Field(ge=1)
    """Users of the candidate whose outcome is known."""


class Rollout(Section):
    """Experiments: steps, the test, guardrails (spec 4). What a gain must be to promote stands in `release`."""

    steps: tuple[RolloutStep, ...] = (
        RolloutStep(weight=0.10, least_s=24 * 3600, least_users=100),
        RolloutStep(weight=0.25, least_s=12 * 3600, least_users=250),
        RolloutStep(weight=0.50, least_s=12 * 3600, least_users=500),
        RolloutStep(weight=1.00, least_s=6 * 3600, least_users=500),
    )
    """Weights that a candidate grows through, with the least time and users of each."""

    automatic: bool = True
    """True begins an experiment by itself where learning left a challenger."""

    every_s: float = Field(60.0, gt=0)
    """How often a running experiment is looked at; the test allows any number of looks."""

    alpha: float = Field(0.05, gt=0, lt=0.5)
    """Chance of a false decision over the whole life of an experiment, however often it is looked at."""

    outcome_window_s: float = Field(6 * 3600.0, ge=0)
    """A user counts once, with what they did in this time after their first answer in the experiment."""

    watch_s: float = Field(24 * 3600.0, ge=0)
    """How long after its promotion a version is still blamed for an alarm of the whole service, and rolled back."""

    max_days: float = Field(14.0, gt=0)
    """After which an undecided experiment ends as inconclusive, with the stable arm serving."""

    max_error_rate: float = Field(0.05, gt=0, le=1)
    """Share of an arm's answers above which it is rolled back."""

    least_answers: int = Field(30, ge=1)
    """Of an arm, before a guardrail may judge it."""

    max_latency_ratio: float = Field(1.5, gt=1)
    """Of the candidate's p95 to the stable arm's."""

    max_unsafe_rate: float = Field(0.01, ge=0, le=1)
    """Share of the candidate's answers in which the output screen stopped something, above the stable arm's."""

    arm_timeout_s: float = Field(1.0, gt=0)
    """After which a candidate that has not answered (a text: begun) is an error of its arm, and what serves answers."""

    srm_alpha: float = Field(0.001, gt=0, lt=0.5)
    """Of the sample-ratio test; an experiment whose split is not what was asked for is paused."""

    max_exposed_to_both: float = Field(0.01, ge=0, le=1)
    """Share of the users seen in both arms above which an experiment is paused."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        weights = [step.weight for step in self.steps]
        if not weights or weights != sorted(set(weights)):
            raise ValueError(f"rollout.steps must have rising weights, got {weights}")
        return self


class Monitoring(Section):
    """What is watched, and when somebody is told (spec 4)."""

    every_s: float = Field(60.0, gt=0)
    """How often the figures are looked at."""

    max_error_rate: float = Field(0.05, gt=0, le=1)
    """Share of failed answers that alarms."""

    weekly_drop: float = Field(0.05, gt=0, le=1)
    """Relative fall of a weekly mean of click-through or satisfaction that alarms."""

    psi_warn: float = Field(0.1, gt=0)
    """Index above which drift is a warning."""

    psi_alarm: float = Field(0.25, gt=0)
    """Population stability index of inputs and features, week against week."""

    least_answers: int = Field(50, ge=1)
    """Below so many answers in a window nothing is judged."""

    clear_after: int = Field(3, ge=1)
    """Looks in a row that must be fine before an alert clears."""

    raise_after: int = Field(2, ge=1)
    """Looks in a row that must be bad before one is raised."""

    webhook: str = ""
    """URL that alerts are posted to as JSON; "" posts nowhere."""


class Admin(Section):
    """Who may call /admin."""

    key_file: str = ""
    """File that holds the bearer key. "" is `secrets/admin.key` below `paths.state`, made at the first start (mode 0600)."""

    live_every_s: float = Field(5.0, gt=0)
    """How often the operations page is sent a snapshot. Ray's processes hand their counts over every 10 s."""

    live_timeout_s: float = Field(3.0, gt=0)
    """After which a part of a snapshot that has not answered is sent as it was before, marked stale."""

    live_for_s: float = Field(600.0, gt=0)
    """How long one stream lives before its page must open another, so that no replica waits for a page when it ends."""

    live_viewers: int = Field(20, ge=1)
    """Streams of one replica; more are refused."""
