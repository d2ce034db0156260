"""The port that /v1 speaks to: models, and answers in pieces. And an engine in memory that echoes. No HTTP, no Ray."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from naviyam.errors import NotFoundError, OverloadedError

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What is to be written. `sampling` holds values of `deployments.sampling.Sampling`."""

    model: str
    messages: tuple[Message, ...]
    sampling: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of the answer: the text since the one before, and the counts so far. `finish` is set in the last one."""

    model: str
    """Which model writes, by its whole name."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish: Finish | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that can be asked for: the base, or an adapter on it. `serves` marks what writes the children's answers."""

    id: str
    created: int
    root: str
    """The base."""

    parent: str | None = None
    """The base's name where this is an adapter."""

    aliases: tuple[str, ...] = ()
    serves: bool = False
    note: str = ""


class Completions(Protocol):
    """Writes for other teams."""

    async def models(self) -> tuple[Model, ...]:
        """Return what may be asked for.

        Raises:
            NaviyamError: the language model does not answer.
        """
        ...

    def complete(self, completion: Completion, *, request_id: str) -> AsyncGenerator[Piece, None]:
        """Yield the answer; closing it ends the generation.

        Raises:
            NotFoundError: there is no such model.
            InputError: the conversation is too long or a value is refused; `field` names it.
            OverloadedError: other teams have all their places, or the engine is full.
        """
        ...


@dataclass(slots=True, kw_only=True)
class EchoCompletions:
    """`Completions` in memory: says the last message again, a word a piece; a token is a word.

    Args:
        held: its models.
        places: how many it writes for at once.
    """

    held: tuple[Model, ...] = (
        Model(id="echo", created=0, root="echo"),
        Model(id="echo-twice@1", created=0, root="echo", parent="echo", aliases=("echo-twice",)),
    )
    places: int = 2
    running: int = 0
    left: int = 0
    """Answers that were closed before their end."""

    asked: list[Completion] = field(default_factory=list)

    async def models(self) -> tuple[Model, ...]:
        return self.held

    async def complete(
        self, completion: Completion, *, request_id: str
    ) -> AsyncGenerator[Piece, None]:
        model = find_model(self.held, completion.model)
        if self.running >= self.places:
            raise OverloadedError(f"{self.places} are written already", retry_after_s=2)
        self.asked.append(completion)
        prompt = sum(len(m.content.split()) for m in completion.messages)
        words = completion.messages[-1].content.split() * (2 if model.parent else 1)
        limit = int(completion.sampling["max_tokens"])
        kept = words[:limit]
        with self._place():
            for number, word in enumerate(kept, start=1):
                last = number == len(kept)
                finish: Finish = "length" if len(words) > limit else "stop"
                yield Piece(
                    model=model.id,
                    text=word if number == 1 else f" {word}",
                    prompt_tokens=prompt,
                    completion_tokens=number,
                    finish=finish if last else None,
                )

    @contextmanager
    def _place(self) -> Any:
        self.running += 1
        finished = False
        try:
            yield
            finished = True
        finally:
            self.running -= 1
            self.left += not finished


def find_model(models: tuple[Model, ...], name: str) -> Model:
    """Return the model of an id or an alias.

    Raises:
        NotFoundError: there is none; the message names those that are there.
    """
    for model in models:
        if name == model.id or name in model.aliases:
            return model
    raise no_model(name, models)


def no_model(name: str, models: tuple[Model, ...]) -> NotFoundError:
    """Return the error of a model that is not there."""
    known = ", ".join(m.id for m in models) or "none"
    return NotFoundError(f"The model {name[:100]!r} does not exist; there are: {known}")
