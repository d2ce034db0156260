"""What a configuration needs and what a GPU can do with it: estimates from published figures, never measurements.

Decoding is taken as bound by memory (every step reads the weights and the cache of all sequences), the prompt's pass as
bound by arithmetic (two operations a weight and token); both at the share of the peak in `figures.yaml`. Roofline model:
Williams et al., 2009. Pure functions.
"""

from dataclasses import dataclass

from cluster.configuration.figures import Assumed, BaseShape, EncoderShape, Figures, Gpu
from naviyam.settings import LanguageModel, Settings

GIB = 1024**3
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_LOGIT_BYTES = 4
_ENCODER_BYTES = 4
"""sentence-transformers loads float32."""

_HNSW_LEVEL_SHARE = 1.1
"""Links of the upper levels, over those of the lowest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEstimate:
    """One replica of the language model on `count` GPUs of a kind.

    `talks` are sequences as long as a prompt and its answer, `full_length` such of `llm.max_model_len`; both at most
    `llm.max_num_seqs` at once. Rates and `answer_s` (of `writing.max_tokens`) are those of `at_once` talks.
    """

    gpu: str
    count: int
    weights_gib: float
    adapters_gib: float
    activations_gib: float
    cache_gib: float
    cache_tokens: int
    talks: int
    full_length: int
    at_once: int
    decode_tokens_s: float
    decode_tokens_s_each: float
    prompt_s: float
    answer_s: float
    limit_s: float
    fits: bool

    @property
    def verdict(self) -> str:
        """Return the estimate in a word: too small, short (holds no sequence of full length), slow or fits."""
        if not self.fits:
            return "too small"
        if not self.full_length:
            return "short"
        return "fits" if self.answer_s <= self.limit_s else "slow"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEstimate:
    """Encoder and index of one replica, in GiB; `on_gpu` is where the index lies."""

    shops: int
    index: str
    encoder_gib: float
    index_gib: float
    on_gpu: bool


def dtype_bytes(llm: LanguageModel) -> int:
    """Return the size of a weight: `auto` is bfloat16 on a GPU, and counted as float32 on a CPU."""
    if llm.dtype == "auto":
        return 2 if llm.num_gpus else 4
    return _BYTES[llm.dtype]


def kv_bytes_per_token(base: BaseShape, size: int) -> int:
    """Return what keys and values of one token take: 2 x layers x kv heads x head dimension x size."""
    return 2 * base.layers * base.kv_heads * base.head_dim * size


def adapter_slot_bytes(base: BaseShape, rank: int, size: int) -> int:
    """Return what vLLM reserves for one adapter: A and B of `rank` at every linear layer, whatever adapters change."""
    attention = base.heads * base.head_dim
    kv = base.kv_heads * base.head_dim
    shapes = [(base.hidden, attention), (base.hidden, kv), (base.hidden, kv)]
    shapes += [(attention, base.hidden), (base.hidden, base.intermediate)]
    shapes += [(base.intermediate, base.hidden)]
    shapes += [(base.hidden, base.intermediate)] if base.gated else []
    return base.layers * rank * size * sum(a + b for a, b in shapes)


def activation_bytes(base: BaseShape, llm: LanguageModel, assumed: Assumed, size: int) -> int:
    """Return the largest step's activations and logits."""
    wide = base.intermediate * (2 if base.gated else 1) + 4 * base.hidden
    logits = llm.max_num_seqs * base.vocabulary * _LOGIT_BYTES
    return assumed.batched_tokens * wide * size + logits


def decode_step_s(
    base: BaseShape,
    gpu: Gpu,
    assumed: Assumed,
    *,
    size: int,
    sequences: int,
    tokens: int,
    count: int,
) -> float:
    """Return how long one token of each of `sequences` takes, `tokens` long on average, on `count` GPUs."""
    read = base.parameters * size + sequences * tokens * kv_bytes_per_token(base, size)
    memory_s = read / (gpu.bandwidth_gb_s * 1e9 * assumed.bandwidth_share * count)
    return max(memory_s, prompt_s(base, gpu, assumed, tokens=sequences, count=count))


def prompt_s(base: BaseShape, gpu: Gpu, assumed: Assumed, *, tokens: int, count: int) -> float:
    """Return how long the pass over `tokens` of prompt takes."""
    return 2 * base.parameters * tokens / (gpu.bf16_tflops * 1e12 * assumed.compute_share * count)


def engine_on_gpu(settings: Settings, figures: Figures, gpu: Gpu) -> EngineEstimate:
    """Estimate one replica of the configured engine on a kind of GPU.

    Raises:
        NotFoundError: nothing is known of the base.
    """
    llm, assumed, base = settings.llm, figures.assumed, figures.base(settings.llm.base)
    size, count = dtype_bytes(llm), max(llm.tensor_parallel, 1)
    weights = base.parameters * size
    adapters = llm.max_loras * adapter_slot_bytes(base, llm.max_lora_rank, size)
    activations = activation_bytes(base, llm, assumed, size)
    allowed = llm.gpu_memory_utilization * gpu.memory_gb * 1e9 * count
    cache = allowed - weights - adapters - activations - assumed.engine_overhead_gib * GIB * count
    per_token = kv_bytes_per_token(base, size)
    cache_tokens = max(int(cache // per_token), 0)
    talk = min(assumed.prompt_tokens + settings.writing.max_tokens, llm.max_model_len)
    talks = min(cache_tokens // talk, llm.max_num_seqs)
    at_once = max(talks, 1)
    half = assumed.prompt_tokens + settings.writing.max_tokens // 2
    step = decode_step_s(base, gpu, assumed, size=size, sequences=at_once, tokens=half, count=count)
    prompt = prompt_s(base, gpu, assumed, tokens=assumed.prompt_tokens, count=count)
    return EngineEstimate(
        gpu=gpu.name,
        count=count,
        weights_gib=weights / GIB,
        adapters_gib=adapters / GIB,
        activations_gib=activations / GIB,
        cache_gib=max(cache, 0) / GIB,
        cache_tokens=cache_tokens,
        talks=talks,
        full_length=min(cache_tokens // llm.max_model_len, llm.max_num_seqs),
        at_once=at_once,
        decode_tokens_s=at_once / step,
        decode_tokens_s_each=1 / step,
        prompt_s=prompt,
        answer_s=prompt + settings.writing.max_tokens * step,
        limit_s=settings.writing.total_timeout_s,
        fits=talks >= 1,
    )


def index_bytes(shops: int, dimension: int, settings: Settings) -> tuple[str, int]:
    """Return which index serves so many shops and what it takes: full vectors, and the approximate one beside them."""
    retrieval = settings.retrieval
    full = shops * dimension * 4
    if retrieval.device == "gpu":
        return "exact on a GPU", full
    if shops <= retrieval.exact_up_to:
        return "exact", full
    if shops < retrieval.ivf_from:
        links = int(2 * retrieval.hnsw_links * 4 * _HNSW_LEVEL_SHARE)
        return "HNSW", full + shops * (2 * dimension + links)
    return "IVF", full + shops * (2 * dimension + 8)


def search(settings: Settings, figures: Figures, *, shops: int) -> SearchEstimate:
    """Estimate encoder and index of one replica.

    Raises:
        NotFoundError: nothing is known of the encoder.
    """
    encoder, assumed = figures.encoder(settings.retrieval.encoder), figures.assumed
    on_gpu = settings.retrieval.device == "gpu"
    kind, size = index_bytes(shops, encoder.dimension, settings)
    return SearchEstimate(
        shops=shops,
        index=kind,
        encoder_gib=_encoder_gib(encoder, assumed, on_gpu=settings.serving.retriever.num_gpus > 0),
        index_gib=size / GIB + (assumed.faiss_gpu_gib if on_gpu else 0.0),
        on_gpu=on_gpu,
    )


def cpu_memory_gib(settings: Settings, figures: Figures, *, shops: int) -> float:
    """Estimate what one machine that runs the least number of all replicas needs of its main memory."""
    assumed, serving, llm = figures.assumed, settings.serving, settings.llm
    apart = serving.light_stages == "deployments"
    light = serving.ingress.min_replicas
    if apart:
        light += serving.retriever.min_replicas + serving.ranker.min_replicas
    needed = assumed.head_gib + light * assumed.light_replica_gib
    found = search(settings, figures, shops=shops)
    if not (serving.retriever.num_gpus or serving.ingress.num_gpus):
        needed += found.encoder_gib * (2 if apart else serving.ingress.min_replicas)
    needed += found.index_gib
    if llm.enabled:
        needed += serving.llm.min_replicas * assumed.cpu_engine_gib
        if not llm.num_gpus:
            weights = figures.base(llm.base).parameters * dtype_bytes(llm) / GIB
            needed += serving.llm.min_replicas * (weights + llm.kv_cache_gib)
    return needed


def _encoder_gib(encoder: EncoderShape, assumed: Assumed, *, on_gpu: bool) -> float:
    context = assumed.encoder_gpu_gib if on_gpu and encoder.parameters else 0.0
    return encoder.parameters * _ENCODER_BYTES / GIB + context
