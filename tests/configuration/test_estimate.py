"""Estimates against figures worked out by hand from the published shapes."""

import json
from pathlib import Path

import pytest

from cluster.cli.main import run
from cluster.configuration import estimate as e
from cluster.configuration.figures import figures
from naviyam.errors import NotFoundError
from naviyam.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
KNOWN = figures()
AX = KNOWN.base("skt/A.X-3.1-Light")


def profile(name: str) -> Settings:
    return Settings.load(ROOT / "configs" / f"{name}.yaml", environ={})


def test_published_shapes_give_the_published_number_of_weights() -> None:
    block = 4 * 4096**2 + 3 * 4096 * 10_880
    norms = (2 * 32 + 1) * 4096
    assert 32 * block + 2 * 102_400 * 4096 + norms == AX.parameters
    small = KNOWN.base("smollm2-135m-instruct")
    attention = 2 * 576 * 576 + 2 * 576 * 192
    assert 30 * (attention + 3 * 576 * 1536) + 49_152 * 576 + 61 * 576 == small.parameters
    polyglot = KNOWN.base("beomi/KoAlpaca-Polyglot-5.8B")
    gpt_neox = 4 * 4096**2 + 4 * 4096 + 2 * 4096 * 16_384 + 16_384 + 4096 + 4 * 4096
    assert 28 * gpt_neox + 2 * 30_080 * 4096 + 2 * 4096 == polyglot.parameters
    layer = 4 * (1024**2 + 1024) + 2 * 4 * 1024**2 + 4096 + 1024 + 2 * 2048
    outside = (250_002 + 514 + 1) * 1024 + 2048 + 1024**2 + 1024
    e5 = KNOWN.encoder("intfloat/multilingual-e5-large")
    assert 24 * layer + outside == e5.parameters


@pytest.mark.parametrize(
    ("base", "size", "expected"),
    [
        ("skt/A.X-3.1-Light", 2, 524_288),  # 2 x 32 layers x 32 heads x 128 x 2 bytes
        ("beomi/KoAlpaca-Polyglot-5.8B", 2, 458_752),  # 2 x 28 x 16 x 256 x 2
        ("smollm2-135m-instruct", 4, 46_080),  # 2 x 30 x 3 x 64 x 4
    ],
)
def test_keys_and_values_of_a_token(base: str, size: int, expected: int) -> None:
    assert e.kv_bytes_per_token(KNOWN.base(base), size) == expected


def test_a_slot_for_an_adapter() -> None:
    # Rank 16 at q, k, v, o (4096 to 4096) and gate, up, down (4096 and 10,880), 32 layers, 2 bytes.
    assert e.adapter_slot_bytes(AX, 16, 2) == 32 * 16 * 2 * (4 * 8192 + 3 * 14_976)


def test_what_is_left_for_the_cache_of_an_h100() -> None:
    found = e.engine_on_gpu(profile("llm-ax-light"), KNOWN, KNOWN.gpu("H100"))
    weights, slots = 2 * 7_264_800_768, 4 * 32 * 16 * 2 * 77_696
    activations = 8192 * (2 * 10_880 + 4 * 4096) * 2 + 64 * 102_400 * 4
    cache = 0.9 * 80e9 - weights - slots - activations - 1.5 * 2**30
    assert found.cache_tokens == int(cache // 524_288)
    assert found.full_length == found.cache_tokens // 2048
    assert found.talks == 64  # llm.max_num_seqs, before the cache ends
    assert found.verdict == "fits"


def test_decoding_is_bound_by_memory_and_a_prompt_by_arithmetic() -> None:
    gpu = KNOWN.gpu("H100")
    alone = e.decode_step_s(AX, gpu, KNOWN.assumed, size=2, sequences=1, tokens=0, count=1)
    assert alone == pytest.approx(2 * 7_264_800_768 / (3_350e9 * 0.6))
    prompt = e.prompt_s(AX, gpu, KNOWN.assumed, tokens=1000, count=1)
    assert prompt == pytest.approx(2 * 7_264_800_768 * 1000 / (989e12 * 0.5))
    two = e.decode_step_s(AX, gpu, KNOWN.assumed, size=2, sequences=1, tokens=0, count=2)
    assert two == pytest.approx(alone / 2)


def test_more_talks_at_once_write_more_but_each_more_slowly() -> None:
    gpu, assumed = KNOWN.gpu("L4"), KNOWN.assumed
    steps = [
        e.decode_step_s(AX, gpu, assumed, size=2, sequences=n, tokens=600, count=1)
        for n in (1, 8, 64)
    ]
    assert steps == sorted(steps)
    assert 1 / steps[0] < 8 / steps[1] < 64 / steps[2]


def test_a_gpu_that_is_too_small_or_too_slow_says_so() -> None:
    settings = profile("llm-ax-light")
    assert e.engine_on_gpu(settings, KNOWN, KNOWN.gpu("L4")).verdict == "slow"
    tight = settings.model_copy(
        update={"llm": settings.llm.model_copy(update={"gpu_memory_utilization": 0.6})}
    )
    assert e.engine_on_gpu(tight, KNOWN, KNOWN.gpu("L4")).verdict == "too small"


@pytest.mark.parametrize(
    ("shops", "device", "kind", "size"),
    [
        (10_000, "auto", "exact", 10_000 * 512 * 4),
        (1_000_000, "auto", "HNSW", 1_000_000 * (512 * 6 + 281)),
        (3_000_000, "auto", "IVF", 3_000_000 * (512 * 6 + 8)),
        (3_000_000, "gpu", "exact on a GPU", 3_000_000 * 512 * 4),
    ],
)
def test_the_index(shops: int, device: str, kind: str, size: int) -> None:
    settings = Settings.parse({"retrieval": {"device": device}})
    assert e.index_bytes(shops, 512, settings) == (kind, size)


def test_e5_large_is_counted_where_it_runs() -> None:
    found = e.search(profile("retrieval-e5"), KNOWN, shops=0)
    assert found.encoder_gib == pytest.approx(559_890_432 * 4 / 2**30 + 0.5)
    on_cpu = Settings.parse({"retrieval": {"encoder": "intfloat/multilingual-e5-large"}})
    more = e.cpu_memory_gib(on_cpu, KNOWN, shops=0) - e.cpu_memory_gib(Settings(), KNOWN, shops=0)
    assert more == pytest.approx(559_890_432 * 4 / 2**30)


def test_every_figure_has_a_source() -> None:
    for group in (KNOWN.bases, KNOWN.encoders, KNOWN.gpus):
        assert all(each.source for each in group.values())


def test_an_unknown_base_says_where_to_add_it() -> None:
    with pytest.raises(NotFoundError, match=r"figures\.yaml"):
        KNOWN.base("who/knows")


def test_the_command_calls_itself_an_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(ROOT / "configs" / "llm-ax-light.yaml")
    assert run(["config", "estimate", "--gpu", "H100", "--config", config, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["estimate"] is True
    assert [each["gpu"] for each in document["engines"]] == ["H100"]
    assert run(["config", "estimate", "--config", config]) == 0
    assert "not measurements" in capsys.readouterr().out
    assert run(["config", "estimate", "--gpu", "H1", "--config", config]) == 1
