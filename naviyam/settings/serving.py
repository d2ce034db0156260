"""The service: HTTP, the engine, what is safe."""

from typing import Literal, Self

from pydantic import Field, model_validator

from naviyam.settings.section import Section


class LanguageModel(Section):
    """The engine and its base."""

    enabled: bool = True
    """False answers with the template writer alone."""

    base: str = "smollm2-135m-instruct"
    """`smollm2-135m-instruct` (packaged GGUF, converted once) or a model name or folder for transformers."""

    adapter: str = "nlg"
    """Folder below `paths.adapters` served as champion; "" serves the plain base."""

    merge_champion: bool = True
    """True on a CPU: the champion lives in the weights, only a challenger is an adapter."""

    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    """Layers that adapters change (`query_key_value` for GPT-NeoX)."""

    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """`auto`: bfloat16 on a GPU and on CPUs that compute it, else float32 (several times faster there)."""

    max_model_len: int = 1_024
    """Tokens of a prompt and its answer together."""

    max_num_seqs: int = 32
    """Texts written at once by one replica."""

    max_queued: int = 64
    """Requests that wait in the engine; the next one gets the template's answer at once."""

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
    """True starts faster, False captures CUDA graphs and writes faster on a GPU."""

    kv_cache_gib: float = 1.0
    """Cache of attention on a CPU; on a GPU `gpu_memory_utilization` decides."""

    gpu_memory_utilization: float = 0.85
    """Share of a GPU's memory for weights and cache together."""

    tensor_parallel: int = 1
    """GPUs that one engine is spread over."""

    num_gpus: float = 0.0
    """GPUs of one replica; 0 writes on the CPU."""


class Autoscale(Section):
    """Replicas of one deployment: how many, where, and what one of them takes."""

    min_replicas: int = Field(1, ge=1)
    """Replicas that are always there."""

    initial_replicas: int | None = Field(None, ge=1)
    """How many a new deployment begins with; without it `min_replicas`."""

    max_replicas: int = Field(1, ge=1)
    """Replicas at most."""

    target_ongoing_requests: float = Field(16, gt=0)
    """Requests at once that one replica should have; more of them call for more replicas."""

    max_ongoing_requests: int = Field(128, ge=1)
    """Requests that one replica works on at once."""

    max_queued_requests: int = 256
    """Requests that wait for a replica in each caller; the next one is refused."""

    upscale_delay_s: float = Field(5.0, ge=0)
    """How long the load must be high before a replica is added."""

    downscale_delay_s: float = Field(60.0, ge=0)
    """How long the load must be low before one is taken away."""

    look_back_s: float = Field(30.0, gt=0)
    """Requests at once are a mean over so long."""

    num_cpus: float = Field(0.5, ge=0)
    """CPUs that a replica holds in Ray's books."""

    num_gpus: float = Field(0.0, ge=0)
    """Share of a GPU that a replica reserves; it may be below 1."""

    resources: dict[str, float] = Field(default_factory=dict)
    """Custom resources that a replica takes: only nodes that offer them get one."""

    node_labels: dict[str, str] = Field(default_factory=dict)
    """Labels of Ray that a replica's node must have, such as `naviyam-pool: llm`, so that kinds of machines are not mixed up."""

    max_replicas_per_node: int = Field(0, ge=0, le=100)
    """1 keeps replicas on different nodes; 0 sets no limit. More replicas than nodes then wait for nodes."""

    health_check_period_s: float = Field(10.0, gt=0)
    """How often a replica is asked whether it is well."""

    health_check_timeout_s: float = Field(30.0, gt=0)
    """Silence after which it counts as ill."""

    graceful_shutdown_timeout_s: float = Field(20.0, gt=0)
    """How long a replica that has to go may finish what it has begun."""

    graceful_shutdown_wait_loop_s: float = Field(1.0, gt=0)
    """How often a replica that has to go looks whether it is done."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        first = self.min_replicas if self.initial_replicas is None else self.initial_replicas
        if not self.min_replicas <= first <= self.max_replicas:
            raise ValueError(
                f"min_replicas {self.min_replicas}, initial_replicas {first} and max_replicas "
                f"{self.max_replicas} must not fall; raise max_replicas"
            )
        if self.target_ongoing_requests > self.max_ongoing_requests:
            raise ValueError(
                f"target_ongoing_requests {self.target_ongoing_requests:g} is above max_ongoing_requests "
                f"{self.max_ongoing_requests}: it would never be reached; lower the first"
            )
        return self


class EngineScale(Autoscale):
    """Of the language model: a stuck engine is found soon, and its queue is short."""

    max_queued_requests: int = 32
    health_check_period_s: float = Field(5.0, gt=0)
    health_check_timeout_s: float = Field(15.0, gt=0)
    graceful_shutdown_timeout_s: float = Field(15.0, gt=0)
    graceful_shutdown_wait_loop_s: float = Field(0.5, gt=0)


class Serving(Section):
    """HTTP and the shape of the application."""

    host: str = "127.0.0.1"
    """Address that the proxies listen on; 0.0.0.0 in a container."""

    port: int = Field(8000, ge=0, le=65_535)
    """Of the service."""

    dashboard_port: int = Field(8265, ge=0, le=65_535)
    """Of Ray's dashboard, Serve's and the jobs' REST interface with it."""

    light_stages: Literal["in_process", "deployments"] = "in_process"
    """`in_process`: search and ranking inside the ingress; `deployments`: replicas of their own."""

    ingress: Autoscale = Autoscale()
    retriever: Autoscale = Autoscale()
    ranker: Autoscale = Autoscale()
    llm: EngineScale = EngineScale()
    """`max_ongoing_requests` must exceed `llm.max_num_seqs` + `llm.max_queued`: the engine refuses first.
    `num_gpus` here reserves; whether the engine computes on a GPU is `llm.num_gpus`, which is reserved where this says nothing."""

    max_message_chars: int = 500
    """Longest message."""

    max_body_bytes: int = 65_536
    """Largest request body."""

    max_concurrent_chats: int = 64
    """Chats at once in one ingress replica; the next one gets 503 and Retry-After."""

    request_timeout_s: float = 12.0
    """Longest answer; above `writing.total_timeout_s`."""

    retry_after_s: float = 2.0
    """What a refused client is told to wait."""

    feedback_fsync_window_s: float = 0.002
    """How long feedback waits for others before all of it is made durable together."""

    memory_ttl_s: float = 1_800.0
    """After which a conversation without a message is forgotten."""

    memory_max_sessions: int = 10_000
    """Conversations remembered at once."""


class Safety(Section):
    """Spec 6: what is decided by numbers."""

    raw_text_days: int = 30
    """After which what a child wrote is removed from the log."""

    offensive_threshold: float = Field(0.7, gt=0, le=1)
    """Probabilities above which the classifier decides. Chosen for under 1 % false alarms on clean talk."""

    attack_threshold: float = Field(0.30, gt=0, le=1)
    """Probability of an attack on the assistant."""

    hunger_threshold: float = Field(0.40, gt=0, le=1)
    """Probability of hunger; see `self_harm_threshold`."""

    hurt_threshold: float = Field(0.30, gt=0, le=1)
    """Probability of being hurt by others; see `self_harm_threshold`."""

    self_harm_threshold: float = Field(0.35, gt=0, le=1)
    """These three for under 0.5 % false alarms on the food talk of the development sets of understanding, and none on those
    of calm talk: the lowest that cost nothing there, since a quiet call that is missed is worse."""

    least_letters: int = Field(3, ge=0)
    """Shorter messages are the rules' alone: two letters (밥) say too little to weigh."""

    name_letters: int = Field(12, ge=0)
    """One word of at most so many letters may be a dish or a shop never seen: rude or not, the rules decide."""

    faint_threshold: float = Field(0.2, gt=0, le=1)
    """A message above this is remembered as a faint sign of that need; a second one then needs less."""

    faint_share: float = Field(0.7, gt=0, le=1)
    """What is left of a threshold after a faint sign of the same need. Both chosen on the development conversations."""

    calm_margin: float = Field(0.5, ge=0, le=1)
    """Added to the three thresholds where the message itself also names food it wants, laughs, or says why it did not eat;
    what the messages before it said raises nothing."""
