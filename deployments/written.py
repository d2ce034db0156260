"""What an engine tells: which adapters it holds, and an answer piece by piece. No vLLM."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedAdapter:
    """An adapter that requests may ask for, for lists and metadata."""

    name: str
    version: str
    digest: str
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A piece of an answer: the text since the one before, and the counts so far. `finish` is set in the last one."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish: str | None = None
