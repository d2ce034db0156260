"""`config check`: everything that is wrong, at once, against a machine that is given."""

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.cli.main import run
from cluster.configuration.checks import check_environment, check_settings
from cluster.configuration.figures import figures
from cluster.configuration.machine import GpuHere, Machine
from cluster.configuration.report import check_file
from naviyam.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SMALL = Machine(memory_gib=24, cores=2)
ADAPTERS = {"nlg": "smollm2-135m-instruct", "nlu": "smollm2-135m-instruct"}
H200 = GpuHere(name="NVIDIA H200", memory_gib=139)


def keys(values: dict[str, Any], machine: Machine = SMALL) -> dict[str, str]:
    """The keys that are found wrong by default settings with these values."""
    sound = {"llm": {"max_num_seqs": 8, "max_queued": 8}} | values
    found = check_settings(Settings.parse(sound), machine, figures(), ADAPTERS)
    return {f.key: f.level for f in found}


def test_nothing_is_wrong_with_a_sound_configuration() -> None:
    assert keys({}) == {}


@pytest.mark.parametrize(
    ("values", "key", "level"),
    [
        ({"serving": {"port": 8265}}, "serving.dashboard_port", "error"),
        ({"serving": {"port": 80}}, "serving.port", "warning"),
        ({"llm": {"adapter": "gone"}}, "llm.adapter", "error"),
        ({"llm": {"base": "skt/A.X-3.1-Light"}}, "llm.adapter", "error"),
        ({"llm": {"adapter": ""}}, "writing.layout", "warning"),
        ({"llm": {"max_num_seqs": 128}}, "serving.llm.max_ongoing_requests", "error"),
        ({"llm": {"max_lora_rank": 16}}, "llm.max_lora_rank", "error"),
        ({"llm": {"max_model_len": 9000}}, "llm.max_model_len", "error"),
        ({"writing": {"max_tokens": 1024}}, "writing.max_tokens", "error"),
        ({"llm": {"num_gpus": 1}}, "llm.num_gpus", "error"),
        ({"serving": {"ranker": {"num_gpus": 0.5}}}, "serving.ranker.num_gpus", "error"),
        ({"retrieval": {"device": "gpu"}}, "retrieval.device", "error"),
        ({"llm": {"kv_cache_gib": 40}}, "memory", "error"),
        ({"llm": {"kv_cache_gib": 18}}, "memory", "warning"),
        ({"retrieval": {"encoder": "who/knows"}}, "llm.base", "warning"),
        ({"jobs": {"database": "nonsense"}}, "jobs.database", "error"),
        ({"jobs": {"database": "mysql://host/db"}}, "jobs.database", "error"),
        (
            {"serving": {"host": "0.0.0.0", "light_stages": "deployments"}},
            "jobs.database",
            "warning",
        ),
        (
            {"serving": {"max_concurrent_chats": 128}},
            "serving.ingress.max_ongoing_requests",
            "warning",
        ),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, Any], key: str, level: str) -> None:
    assert keys(values).get(key) == level


def test_a_taken_port_and_a_folder_that_cannot_be_written() -> None:
    state = Settings().paths.state
    machine = Machine(
        memory_gib=24,
        cores=2,
        taken_ports=frozenset({8000}),
        unwritable=((state, "it is a file"),),
        missing=(Settings().paths.classifier,),
    )
    assert keys({}, machine) == {
        "paths.state": "error",
        "serving.port": "warning",
        "paths.classifier": "warning",
    }


def test_a_gpu_that_is_too_small_for_the_base() -> None:
    base = {"llm": {"base": "skt/A.X-3.1-Light", "adapter": "", "num_gpus": 1, "max_num_seqs": 8}}
    layout = {"writing": {"layout": "instructed"}}
    small = Machine(memory_gib=64, cores=8, gpus=(GpuHere(name="T4", memory_gib=15),))
    large = Machine(memory_gib=64, cores=8, gpus=(H200,))
    assert keys(base | layout, small) == {"llm.base": "error"}
    assert keys(base | layout, large) == {}


def test_a_broken_file_is_told_with_everything_else(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "servng: {port: 1}\nllm: {adapter: gone, max_num_seqs: few}\njobs: {database: x}\n"
    )
    environ = {"NAVIYAM__SERVING__PRT": "1", "NAVIYAM_SERVING__PORT": "1"}
    found = check_file(path, environ, look_at=lambda _: SMALL)
    told = "\n".join(f"{f.level} {f.key} {f.message}" for f in found)
    for part in (
        "a.yaml:1",
        "a.yaml:2: llm.max_num_seqs",
        "NAVIYAM__SERVING__PRT",
        "holds no adapter",
    ):
        assert part in told
    assert "error jobs.database" in told
    assert "warning NAVIYAM_SERVING__PORT" in told


def test_the_programs_own_variables_are_no_mistake() -> None:
    own = frozenset({"NAVIYAM_RAY_SESSION"})
    assert check_environment({"NAVIYAM_RAY_SESSION": "x", "HOME": "/"}, own) == ()


@pytest.mark.parametrize("config", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_profile_is_sound_on_a_machine_with_what_it_asks_for(config: Path) -> None:
    machine = Machine(memory_gib=256, cores=64, gpus=(H200,))
    settings = Settings.load(config, environ={})
    errors = [
        f for f in check_settings(settings, machine, figures(), ADAPTERS) if f.level == "error"
    ]
    assert errors == []


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(
        f"llm: {{enabled: false}}\npaths: {{state: {tmp_path}/s, cache: {tmp_path}/c}}\nserving: {{port: 0, dashboard_port: 0}}"
    )
    bad.write_text("serving: {prot: 1}")
    assert run(["config", "check", str(good), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {f["level"] for f in found[str(good)]} <= {"warning"}
    assert run(["config", "check", str(good), str(bad)]) == 1
    assert "serving.port" in capsys.readouterr().out
    assert run(["config", "check", str(tmp_path / "gone.yaml")]) == 1
    assert run(["config", "nope"]) == 2
    assert list(tmp_path.glob("s")) == []
