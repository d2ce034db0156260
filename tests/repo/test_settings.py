"""Wrong settings are refused by name, before anything starts."""

from pathlib import Path

import pytest

from naviyam.errors import ConfigError
from naviyam.settings import Settings


def test_the_environment_overrides_a_key(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("serving: {port: 9000}")
    assert Settings.load(path, environ={}).serving.port == 9000
    assert Settings.load(path, environ={"NAVIYAM__SERVING__PORT": "9001"}).serving.port == 9001


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("serving: {prot: 1}", "prot"),
        ("serving: {port: 70000}", "port"),
        ("writing: {first_token_timeout_s: 20.0}", "first_token_timeout_s"),
        ("writing: {total_timeout_s: 20.0}", "request_timeout_s"),
        ("llm: {ngram_speculation: true}", "temperature"),
        ("serving: [", "a.yaml"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=named):
        Settings.load(path, environ={})


def test_half_the_batch_keeps_what_a_step_of_lora_learns_from() -> None:
    settings = Settings.parse({})
    half = settings.with_batches(0.5)
    assert half.ranker_training.batch_size == settings.ranker_training.batch_size // 2
    for name in ("initial", "incremental"):
        before, after = (getattr(s.lora_training, name) for s in (settings, half))
        assert after.batch_size == before.batch_size // 2
        assert after.batch_size * after.accumulation == before.batch_size * before.accumulation
    assert settings.with_batches(1.0) == settings
    with pytest.raises(ConfigError, match="batch scale"):
        settings.with_batches(0)
