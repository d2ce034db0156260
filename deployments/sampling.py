"""How one request is sampled: the configured values, a request's own, and vLLM's form of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from vllm import SamplingParams
from vllm.exceptions import VLLMClientError
from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

from naviyam.errors import InputError
from naviyam.settings import Writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How one request is sampled."""

    temperature: float
    top_k: int
    top_p: float
    max_tokens: int
    seed: int | None = None
    stop: tuple[str, ...] = ()
    json_schema: Mapping[str, Any] | None = None
    """The text will be JSON of this schema, and nothing else can be sampled."""

    @classmethod
    def configured(cls, writing: Writing) -> Self:
        """Return the configured values."""
        return cls(
            temperature=writing.temperature,
            top_k=writing.top_k,
            top_p=writing.top_p,
            max_tokens=writing.max_tokens,
        )

    def updated(self, overrides: Mapping[str, Any] | None) -> Self:
        """Return a copy with the given values.

        Raises:
            InputError: a name is unknown.
        """
        unknown = set(overrides or ()) - set(self.__slots__)
        if unknown:
            raise InputError(f"unknown sampling values {sorted(unknown)}", field="overrides")
        return replace(self, **dict(overrides or {}))

    def params(self) -> SamplingParams:
        """Return vLLM's form, for streamed pieces.

        Raises:
            InputError: a value is out of range.
        """
        try:
            return SamplingParams(
                temperature=self.temperature,
                top_k=self.top_k,
                top_p=self.top_p,
                max_tokens=self.max_tokens,
                seed=self.seed,
                stop=list(self.stop),
                structured_outputs=_structured(self.json_schema),
                output_kind=RequestOutputKind.DELTA,
            )
        except (VLLMClientError, ValueError, TypeError) as e:
            raise InputError(f"sampling values {self} are refused: {e}", field="overrides") from e


def _structured(schema: Mapping[str, Any] | None) -> StructuredOutputsParams | None:
    return StructuredOutputsParams(json=dict(schema)) if schema is not None else None
