"""OpenAI's chat completion requests and answers: what is read, what is refused by name, and the shapes that go back."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from deployments.completions.port import Completion, Message, Model, Piece
from naviyam.errors import InputError
from naviyam.settings import Completions

_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "tools": ([],),
    "tool_choice": ("none",),
    "parallel_tool_calls": (True, False),
    "functions": ([],),
    "function_call": ("none",),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "reasoning_effort": (),
    "verbosity": (),
    "web_search_options": (),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "metadata": (),
    "prompt_cache_key": (),
    "safety_identifier": (),
}
"""OpenAI's parameters that are not supported here: null and these values ask for nothing and are let through."""

_MOST_STOPS = 4


class UnsupportedError(InputError):
    """A parameter of OpenAI's that this server does not have."""


class UnknownError(InputError):
    """A parameter that is none of OpenAI's."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TextPart(_Strict):
    """One part of a message; text alone."""

    type: Literal["text"]
    text: str


def _joined(content: Any) -> Any:
    if isinstance(content, list):
        return "\n".join(TextPart.model_validate(part).text for part in content)
    return content


class MessageIn(_Strict):
    """One message. `developer` is OpenAI's newer word for `system`."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, BeforeValidator(_joined)]
    name: str | None = None


class StreamOptions(_Strict):
    """What a stream tells besides text."""

    include_usage: bool = False


class JsonSchema(_Strict):
    """The schema that an answer will follow."""

    name: Annotated[str, Field(max_length=64)]
    description: str | None = None
    schema_: Annotated[dict[str, JsonValue], Field(alias="schema")]
    strict: bool | None = None


class ResponseFormat(_Strict):
    """What the answer's text will be."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None


class ChatCompletionRequest(_Strict):
    """POST /v1/chat/completions. `user` is taken and not kept."""

    model: Annotated[str, Field(min_length=1, max_length=200)]
    messages: Annotated[list[MessageIn], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=_MOST_STOPS)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    response_format: ResponseFormat | None = None
    user: str | None = None

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with the counts."""
        return self.stream_options is not None and self.stream_options.include_usage


def request_schema() -> dict[str, Any]:
    """Return the JSON schema of a request, without references, for the API's document."""
    whole = ChatCompletionRequest.model_json_schema()
    parts = whole.pop("$defs")

    def inlined(value: Any) -> Any:
        if isinstance(value, list):
            return [inlined(each) for each in value]
        if not isinstance(value, dict):
            return value
        if (name := value.get("$ref")) is not None:
            return inlined(parts[name.rsplit("/", 1)[-1]])
        return {key: inlined(each) for key, each in value.items()}

    schema: dict[str, Any] = inlined(whole)
    return schema


def parse(body: Any, limits: Completions) -> ChatCompletionRequest:
    """Read a request.

    Raises:
        UnsupportedError, UnknownError, InputError: `field` names the parameter.
    """
    if not isinstance(body, dict):
        raise InputError("the body must be a JSON object")
    values: dict[str, Any] = {}
    for name, value in body.items():
        if name not in _NEUTRAL:
            values[name] = value
        elif value is not None and value not in _NEUTRAL[name]:
            raise UnsupportedError(f"Unsupported parameter: '{name}'", field=name)
    try:
        request = ChatCompletionRequest.model_validate(values)
    except ValidationError as e:
        raise _explained(e) from e
    if len(request.messages) > limits.max_messages:
        raise InputError(
            f"{len(request.messages)} messages, at most {limits.max_messages} are read",
            field="messages",
        )
    return request


def completion_of(request: ChatCompletionRequest, limits: Completions) -> Completion:
    """Return what is to be written.

    Raises:
        InputError: more tokens are asked for than one answer may have, or a schema is missing.
    """
    wanted = request.max_completion_tokens or request.max_tokens or limits.max_tokens
    if wanted > limits.max_tokens:
        name = "max_completion_tokens" if request.max_completion_tokens else "max_tokens"
        raise InputError(
            f"{name} is {wanted}; one answer has at most {limits.max_tokens} (completions.max_tokens)",
            field=name,
        )
    sampling: dict[str, Any] = {
        "max_tokens": wanted,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "seed": request.seed,
        "stop": _stops(request.stop),
        "json_schema": _schema(request.response_format),
    }
    return Completion(
        model=request.model,
        messages=tuple(
            Message(
                role="system" if m.role == "developer" else m.role,
                content=m.content,
            )
            for m in request.messages
        ),
        sampling=sampling,
    )


def model_document(model: Model) -> dict[str, Any]:
    """Return a model as /v1/models shows it; `root` and `parent` are vLLM's words, the last three ours."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": "naviyam",
        "root": model.root,
        "parent": model.parent,
        "aliases": list(model.aliases),
        "serves": model.serves,
        "note": model.note,
    }


def answer_document(answer_id: str, created: int, text: str, last: Piece) -> dict[str, Any]:
    """Return a whole answer."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": last.finish}
    return {
        "id": answer_id,
        "object": "chat.completion",
        "created": created,
        "model": last.model,
        "choices": [choice],
        "usage": usage_document(last),
    }


def chunk_document(
    answer_id: str,
    created: int,
    model: str,
    *,
    delta: Mapping[str, Any] | None,
    finish: str | None = None,
    usage: Mapping[str, Any] | None = None,
    with_usage: bool = False,
) -> dict[str, Any]:
    """Return one chunk of a stream; without a delta it carries the counts alone."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": answer_id,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": [] if delta is None else [choice],
        **({"usage": usage} if with_usage else {}),
    }


def usage_document(last: Piece) -> dict[str, int]:
    """Return the counts of an answer."""
    read, written = last.prompt_tokens, last.completion_tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    given = [stop] if isinstance(stop, str) else stop or []
    if "" in given:
        raise InputError("a stop sequence is empty", field="stop")
    return tuple(given)


def _schema(wanted: ResponseFormat | None) -> dict[str, JsonValue] | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {"type": "object"}
    if wanted.json_schema is None:
        raise InputError(
            "response_format of type json_schema needs json_schema", field="response_format"
        )
    return wanted.json_schema.schema_


def _explained(error: ValidationError) -> InputError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return UnknownError(f"Unrecognized request argument: '{field}'", field=field)
    message = str(first["msg"]).removeprefix("Value error, ")
    return InputError(f"{field}: {message}", field=field)
