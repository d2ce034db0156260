"""Every metric of this project: name, kind, unit, labels, meaning. The one place; docs/metrics.md is printed from it.

Who records them: `SERVICE` the ingress replicas (`deployments.metrics`), `LANGUAGE_MODEL` the LLM replicas
(`deployments.llm_metrics`), `CONTROL` the controller (`cluster.telemetry.control`).

Ray 2.60 sums a histogram by the middles of its buckets, so a mean made of `_sum` is rough: read quantiles from the buckets, and
exact times from the event log (`naviyam monitor daily`).
"""

from cluster.telemetry.instruments import Instrument

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.8, 1.2, 2.0, 3.0, 5.0, 8.0, 12.0)
_SHORT = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_COUNTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


def _counter(name: str, *labels: str, unit: str, meaning: str) -> Instrument:
    return Instrument(
        name=f"naviyam_{name}", kind="counter", unit=unit, labels=labels, meaning=meaning
    )


def _gauge(name: str, *labels: str, unit: str, meaning: str) -> Instrument:
    return Instrument(
        name=f"naviyam_{name}", kind="gauge", unit=unit, labels=labels, meaning=meaning
    )


def _histogram(
    name: str,
    *labels: str,
    meaning: str,
    unit: str = "seconds",
    bounds: tuple[float, ...] = _SECONDS,
) -> Instrument:
    return Instrument(
        name=f"naviyam_{name}",
        kind="histogram",
        unit=unit,
        labels=labels,
        meaning=meaning,
        bounds=bounds,
    )


HTTP_REQUESTS = _counter(
    "http_requests",
    "route",
    "method",
    "status",
    unit="requests",
    meaning="HTTP requests answered, by the route's template (`/users/{user_id}`); 499 where the caller hung up",
)
HTTP_SECONDS = _histogram(
    "http_seconds", "route", meaning="From a request's arrival to the last byte of its answer"
)
ANSWERS = _counter(
    "answers",
    "route",
    "outcome",
    "written_by",
    "variant",
    "population",
    unit="requests",
    meaning="Chats and calls for recommendations, answered or not: outcome is ok, degraded or the code of the failure",
)
ANSWER_SECONDS = _histogram(
    "answer_seconds", "route", "variant", meaning="From arrival to the whole answer"
)
STAGE_SECONDS = _histogram(
    "stage_seconds", "stage", meaning="Each of the eight stages of a chat answer"
)
CANDIDATES_SECONDS = _histogram(
    "candidates_seconds", "part", meaning="Retrieval and funnels, inside stage `candidates`"
)
CANDIDATES = _histogram(
    "candidates", "route", unit="shops", bounds=_COUNTS, meaning="Shops that reached the ranker"
)
INTENTS = _counter("intents", "intent", unit="messages", meaning="What messages were taken to want")
DEGRADED = _counter(
    "degraded", "reason", unit="answers", meaning="Why answers were less than they should be"
)
REJECTED = _counter(
    "rejected", "reason", unit="drafts", meaning="Drafts of the model that a check stopped"
)
REFUSED = _counter(
    "refused",
    "gate",
    unit="requests",
    meaning="Requests refused at once: too many are being answered (chats, others), or a caller's quota is used up",
)
INSIDE = _gauge(
    "inside", "gate", unit="requests", meaning="Requests that a replica is answering now"
)
INSIDE_LIMIT = _gauge(
    "inside_limit", "gate", unit="requests", meaning="How many it answers at most"
)
FEEDBACK = _counter(
    "feedback",
    "type",
    "duplicate",
    "population",
    unit="feedback",
    meaning="Clicks, orders, favourites, ratings that are on disk",
)
ARM_ANSWERS = _counter(
    "arm_answers",
    "layer",
    "arm",
    unit="answers",
    meaning="Answers of experiments; arm is stable or candidate",
)
ARM_SECONDS = _histogram(
    "arm_seconds", "layer", "arm", meaning="From arrival to the whole answer, by arm"
)
ARM_ERRORS = _counter(
    "arm_errors",
    "layer",
    unit="answers",
    meaning="Answers whose arm could not answer, so that the stable one did",
)
TRAFFIC_REVISION = _gauge(
    "traffic_revision", unit="revision", meaning="The traffic table that a replica answers by"
)
VERSION_INFO = _gauge(
    "version_info",
    "part",
    "version",
    unit="0 or 1",
    meaning="1 for what answered last in this process, 0 for what did before",
)
CACHE_LOOKUPS = _counter(
    "cache_lookups", "cache", "result", unit="look-ups", meaning="Hits and misses of a cache"
)
EVENT_RECORDS = _counter(
    "event_records", "kind", unit="records", meaning="Records that came to disk in the event log"
)
EVENT_FAILURES = _counter(
    "event_failures", "kind", unit="records", meaning="Records that could not be written"
)
EVENT_COMMIT_SECONDS = _histogram(
    "event_commit_seconds",
    "kind",
    bounds=_SHORT,
    meaning="From handing over a batch's first record to its being on disk: the lag of the event log",
)
EVENT_SYNC_SECONDS = _histogram(
    "event_sync_seconds",
    "kind",
    bounds=_SHORT,
    meaning="Writing and syncing a batch alone, without the wait for company",
)
LLM_REQUESTS = _counter(
    "llm_requests",
    "adapter",
    "outcome",
    unit="generations",
    meaning="Generations: ok, overloaded, failed or gone (its caller left)",
)
LLM_TOKENS = _counter("llm_tokens", unit="tokens", meaning="Tokens written")
LLM_ACTIVE = _gauge(
    "llm_active", unit="generations", meaning="Generations running or waiting in the engine"
)
LLM_WAITING = _gauge(
    "llm_waiting", unit="generations", meaning="Those of them above `llm.max_num_seqs`"
)
LLM_PLACES = _gauge(
    "llm_places", unit="generations", meaning="How many are written at once: `llm.max_num_seqs`"
)
LLM_FIRST = _histogram("llm_first_piece_seconds", "adapter", meaning="Until the first text")
LLM_SECONDS = _histogram("llm_seconds", "adapter", meaning="Until the last text")
CONTROLLER_ACTS = _gauge(
    "controller_acts", unit="0 or 1", meaning="1 for the controller that holds the lease"
)
CONTROLLER_BEAT = _gauge(
    "controller_beat_timestamp_seconds",
    unit="Unix seconds",
    meaning="When the controller last said that it lives",
)
PART_SECONDS = _gauge(
    "part_seconds", "part", unit="seconds", meaning="How long the last look of a part took"
)
PART_ERRORS = _gauge(
    "part_errors_in_row", "part", unit="looks", meaning="Looks of a part in a row that failed"
)
PART_AT = _gauge(
    "part_timestamp_seconds",
    "part",
    unit="Unix seconds",
    meaning="When a part of the controller last looked",
)
JOBS = _gauge("jobs", "state", unit="jobs", meaning="Jobs that have not ended")
JOBS_ENDED = _gauge(
    "jobs_ended_day",
    "kind",
    "state",
    unit="jobs",
    meaning="Jobs that ended in the last 24 hours, of the last 500",
)
JOBS_LIMIT = _gauge(
    "jobs_limit", "of", unit="jobs", meaning="How many may be queued, and run at once"
)
JOBS_WAITING = _gauge(
    "jobs_waiting",
    "reason",
    unit="jobs",
    meaning="Queued jobs by what keeps them: dependency, backoff, running, load, cpu, memory, gpu or turn",
)
JOB_WAIT = _gauge(
    "job_wait_seconds", unit="seconds", meaning="How long the oldest queued job has waited"
)
LOAD = _gauge("load", "resource", unit="share", meaning="Use of the machines as the gate sees it")
LOAD_LIMIT = _gauge(
    "load_limit", "resource", unit="share", meaning="Use above which no job is started"
)
SCHEDULE_LATE = _gauge(
    "schedule_late_seconds",
    "kind",
    unit="seconds",
    meaning="How long ago the oldest due time came that nothing was decided on; 0 where none is",
)
SCHEDULE_NEXT = _gauge(
    "schedule_next_timestamp_seconds",
    "kind",
    unit="Unix seconds",
    meaning="When a run is due next",
)
SCHEDULE_PAUSED = _gauge(
    "schedule_paused", "kind", unit="0 or 1", meaning="1 while somebody holds a schedule"
)
SCHEDULE_RUNS = _gauge(
    "schedule_runs_today", "kind", unit="runs", meaning="Runs that began today by the schedule"
)
EXPERIMENTS = _gauge(
    "experiments", "layer", "state", unit="experiments", meaning="Experiments that are open"
)
EXPERIMENT_WEIGHT = _gauge(
    "experiment_weight", "layer", unit="share", meaning="Share of the users with the candidate"
)
TRAFFIC_WANTED = _gauge(
    "traffic_wanted_revision",
    unit="revision",
    meaning="The traffic table that replicas should answer by",
)
ALERTS = _gauge(
    "alerts_open",
    "rule",
    "population",
    "level",
    unit="alerts",
    meaning="Open alerts of `naviyam monitor alerts`, which reads the event log",
)
EVENT_SEGMENTS = _gauge(
    "event_segments", "kind", unit="segments", meaning="Segments that are not in Parquet yet"
)
EVENT_OLDEST = _gauge(
    "event_oldest_segment_seconds",
    "kind",
    unit="seconds",
    meaning="Age of the oldest of them: how far compaction is behind",
)

SERVICE = (
    HTTP_REQUESTS, HTTP_SECONDS, ANSWERS, ANSWER_SECONDS, STAGE_SECONDS, CANDIDATES_SECONDS, CANDIDATES,
    INTENTS, DEGRADED, REJECTED, REFUSED, INSIDE, INSIDE_LIMIT, FEEDBACK, ARM_ANSWERS, ARM_SECONDS, ARM_ERRORS,
    TRAFFIC_REVISION, VERSION_INFO, CACHE_LOOKUPS, EVENT_RECORDS, EVENT_FAILURES, EVENT_COMMIT_SECONDS,
    EVENT_SYNC_SECONDS,
)  # fmt: skip
LANGUAGE_MODEL = (
    LLM_REQUESTS, LLM_TOKENS, LLM_ACTIVE, LLM_WAITING, LLM_PLACES, LLM_FIRST, LLM_SECONDS,
)  # fmt: skip
CONTROL = (
    CONTROLLER_ACTS, CONTROLLER_BEAT, PART_SECONDS, PART_ERRORS, PART_AT, JOBS, JOBS_ENDED, JOBS_LIMIT,
    JOBS_WAITING, JOB_WAIT, LOAD, LOAD_LIMIT, SCHEDULE_LATE, SCHEDULE_NEXT, SCHEDULE_PAUSED, SCHEDULE_RUNS,
    EXPERIMENTS, EXPERIMENT_WEIGHT, TRAFFIC_WANTED, ALERTS, EVENT_SEGMENTS, EVENT_OLDEST,
)  # fmt: skip
GROUPS = {"service": SERVICE, "language model": LANGUAGE_MODEL, "controller": CONTROL}
ALL = (*SERVICE, *LANGUAGE_MODEL, *CONTROL)
