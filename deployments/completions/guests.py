"""`Completions` on an engine in this process: chat template, bound, names of models. Other teams are guests here.

They share the engine with the children's answers, in places of their own (`completions.max_running`): what they do not take the
children have, and what the children need beyond theirs is never a guest's.
"""

import contextlib
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any, Protocol

from cluster.registry.adapters import AdapterInfo, base_name
from deployments.adapter_table import Entry
from deployments.completions.port import Completion, Finish, Model, Piece, no_model
from deployments.written import LoadedAdapter, Written
from naviyam.errors import InputError, NotFoundError, OverloadedError
from naviyam.settings import Settings

_BASE_NOTE = (
    "the plain base; on this engine the champion is merged into the weights and is undone by an adapter, "
    "exact up to rounding"
)
_NO_TOP_K = 0


class Served(Protocol):
    """What an engine was started on."""

    @property
    def base(self) -> Path:
        """Folder of the plain base."""
        ...


class GuestEngine(Protocol):
    """What guests need of `deployments.engine.LLMEngine`."""

    @property
    def served(self) -> Served: ...

    @property
    def merged(self) -> AdapterInfo | None: ...

    @property
    def default_adapter(self) -> str: ...

    @property
    def tokenizer(self) -> Any: ...

    def adapters(self) -> tuple[LoadedAdapter, ...]: ...

    def find(self, adapter: str) -> Entry: ...

    async def undo_champion(self, name: str) -> Entry: ...

    def write(
        self,
        prompt: str,
        entry: Entry | None,
        *,
        request_id: str,
        overrides: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[Written, None]: ...


class Guests:
    """Writes for other teams on the children's engine. Use it in the engine's event loop."""

    def __init__(self, engine: GuestEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._running = 0

    async def models(self) -> tuple[Model, ...]:
        """Return the base, where it can be asked for, and the loaded adapters, what serves first."""
        engine, base = self._engine, self._base
        found = [
            Model(
                id=key,
                created=_made_at(entry.path),
                root=base,
                parent=base,
                aliases=(name,) if engine.find(name).spec.key == key else (),
                serves=key == engine.default_adapter,
            )
            for adapter in engine.adapters()
            for name, key in ((adapter.name, f"{adapter.name}@{adapter.version}"),)
            for entry in (engine.find(key),)
        ]
        found.sort(key=lambda model: not model.serves)
        if self._has_base:
            note = "" if engine.merged is None else _BASE_NOTE
            created = _made_at(str(engine.served.base))
            serves = engine.default_adapter == "none"
            found.append(Model(id=base, created=created, root=base, serves=serves, note=note))
        return tuple(found)

    async def complete(
        self, completion: Completion, *, request_id: str
    ) -> AsyncGenerator[Piece, None]:
        """Yield an answer; see `Completions.complete`."""
        if self._running >= self._settings.completions.max_running:
            raise OverloadedError(
                f"the language model writes {self._running} answers for other teams, its limit "
                "(completions.max_running); try again",
                retry_after_s=self._settings.serving.retry_after_s,
            )
        self._running += 1
        try:
            name, entry = await self._resolve(completion.model)
            prompt = self._prompt(completion)
            overrides = {**completion.sampling, "top_k": _NO_TOP_K}
            pieces = self._engine.write(prompt, entry, request_id=request_id, overrides=overrides)
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    yield Piece(
                        model=name,
                        text=piece.text,
                        prompt_tokens=piece.prompt_tokens,
                        completion_tokens=piece.completion_tokens,
                        finish=_finish(piece.finish),
                    )
        finally:
            self._running -= 1

    @property
    def _base(self) -> str:
        return base_name(self._engine.served.base)

    @property
    def _has_base(self) -> bool:
        merged, llm = self._engine.merged, self._settings.llm
        return merged is None or (llm.max_loras > 0 and merged.rank <= llm.max_lora_rank)

    async def _resolve(self, model: str) -> tuple[str, Entry | None]:
        if model == self._base and self._has_base:
            if self._engine.merged is None:
                return model, None
            return model, await self._engine.undo_champion(model)
        try:
            entry = self._engine.find(model)
        except NotFoundError as e:
            raise no_model(model, await self.models()) from e
        return entry.spec.key, entry

    def _prompt(self, completion: Completion) -> str:
        """Return the conversation in the base's chat template, up to where the answer begins."""
        tokenizer = self._engine.tokenizer
        marks = [mark for mark in tokenizer.all_special_tokens if len(mark) > 1]
        for number, message in enumerate(completion.messages):
            for mark in marks:
                if mark in message.content:
                    raise InputError(
                        f"messages[{number}] holds {mark!r}, a mark of the model's chat template",
                        field=f"messages[{number}].content",
                    )
        try:
            prompt: str = tokenizer.apply_chat_template(
                [{"role": m.role, "content": m.content} for m in completion.messages],
                tokenize=False,
                add_generation_prompt=True,
            )
        except Exception as e:  # templates raise what they like, such as for two users in a row
            raise InputError(
                f"the model's chat template refuses the messages: {e}", field="messages"
            ) from e
        tokens, room = len(tokenizer.encode(prompt)), self._settings.llm.max_model_len
        if tokens >= room:
            raise InputError(
                f"the messages have {tokens} tokens, the model reads and writes {room} at most",
                field="messages",
            )
        return prompt


def _finish(reason: str | None) -> Finish | None:
    if reason is None:
        return None
    return "length" if reason == "length" else "stop"


def _made_at(path: str) -> int:
    try:
        return int(Path(path).stat().st_mtime)
    except OSError:
        return 0
