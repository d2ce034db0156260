"""One vLLM engine on one machine: streamed text, adapters that come and go, a bounded queue. No Ray in it.

vLLM is configured through arguments and, for its worker processes, through the environment, which the
caller hands in. On a merged engine (the champion lives in the weights) an adapter is turned into its
difference to the champion before it is loaded, because it was trained on the plain base.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Self

from vllm.exceptions import VLLMClientError
from vllm.lora.request import LoRARequest
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

from cluster.registry.adapters import (
    AdapterInfo,
    check_adapter,
    difference_adapter,
    undoing_adapter,
)
from cluster.registry.champion import UNVERSIONED
from deployments.adapter_table import AdapterSpec, AdapterTable, Entry, plan_adapters
from deployments.engine_setup import (
    ServedModel,
    configure_environment,
    engine_args,
    prepare_model,
    stat_loggers,
)
from deployments.sampling import Sampling
from deployments.watchdog import MARK, Processes
from deployments.written import LoadedAdapter, Written
from naviyam.clock import Clock, SystemClock
from naviyam.errors import ArtifactError, ConflictError, InputError, NaviyamError, OverloadedError
from naviyam.settings import Settings

_PLAIN_SLOT = 1_000_000
"""The engine's id of what undoes the champion; the table counts its ids from 1."""

_log = logging.getLogger(__name__)


class EngineDownError(NaviyamError, RuntimeError):
    """The engine's processes died or failed on a request; a restart of the replica brings them back."""


class LLMEngine:
    """vLLM's AsyncLLM with this project's rules. Made by `start`, ended by `stop`; use it in one event loop."""

    def __init__(
        self,
        settings: Settings,
        llm: AsyncLLM,
        served: ServedModel,
        processes: Processes,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._llm = llm
        self._served = served
        self._processes = processes
        self._clock = clock
        self._merged: AdapterInfo | None = None
        self._default: Entry | None = None
        self._plain: Entry | None = None
        self._wanted: frozenset[str] = frozenset()
        self._leaving: set[asyncio.Task[None]] = set()
        self._table = AdapterTable(capacity=settings.llm.max_loras)
        self._loading = asyncio.Lock()
        self._active = 0
        self._tokens = 0
        self._last_output_s = clock.monotonic_s()
        self._sampling = Sampling.configured(settings.writing)

    @classmethod
    async def start(
        cls,
        settings: Settings,
        *,
        environ: MutableMapping[str, str],
        clock: Clock | None = None,
    ) -> Self:
        """Prepare the model folders, start the engine's processes and load the champion; about 30 s.

        Args:
            settings: `llm`, `writing`, `paths` and `serving.retry_after_s` are used.
            environ: the process's own environment; the engine's processes inherit what is set here.
            clock: time for the health check.

        Raises:
            ArtifactError: the base or the champion cannot be used.
            ConfigError: `llm.base` is not to be found.
            EngineDownError: vLLM did not start.
        """
        served = await asyncio.to_thread(prepare_model, settings)
        configure_environment(settings, environ)
        processes = Processes.guard(environ)
        try:
            llm = await asyncio.to_thread(
                AsyncLLM.from_engine_args,
                engine_args(settings, served),
                stat_loggers=stat_loggers(settings),
            )
        except Exception as e:
            await asyncio.to_thread(processes.end)
            raise EngineDownError(f"vLLM did not start on {served.model}: {e}") from e
        finally:
            environ.pop(MARK, None)
        engine = cls(settings, llm, served, processes, clock or SystemClock())
        try:
            await engine._load_champion()
        except BaseException:
            await engine.stop()
            raise
        return engine

    async def stop(self) -> None:
        """End the engine's processes; idempotent."""
        if self._llm.output_handler is not None:
            self._llm.output_handler.cancel()
        await asyncio.to_thread(self._llm.shutdown, 5.0)
        await asyncio.to_thread(self._processes.end)

    async def generate(
        self,
        prompt: str,
        *,
        adapter: str | None = None,
        request_id: str,
        overrides: Mapping[str, Any] | None = None,
        served: Callable[[str], None] | None = None,
    ) -> AsyncGenerator[str, None]:
        """Yield the answer's text piece by piece; closing the iterator aborts the request.

        Args:
            prompt: the whole prompt, with the chat marks of the base.
            adapter: `name`, `name@version`, or None for the champion.
            request_id: for logs; need not be unique.
            overrides: values of `Sampling` other than the configured ones.
            served: told before the first text which adapter writes (`name@version`, `none` for the plain base).

        Raises:
            OverloadedError: `llm.max_num_seqs` run and `llm.max_queued` wait already.
            NotFoundError: the adapter is not loaded.
            InputError: the prompt is too long or a sampling value is out of range.
            EngineDownError: the engine died.
        """
        entry = self._default if adapter is None else self._table.find(adapter)
        pieces = self.write(
            prompt, entry, request_id=request_id, overrides=overrides, served=served
        )
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                if piece.text:
                    yield piece.text

    async def write(
        self,
        prompt: str,
        entry: Entry | None,
        *,
        request_id: str,
        overrides: Mapping[str, Any] | None = None,
        served: Callable[[str], None] | None = None,
    ) -> AsyncGenerator[Written, None]:
        """Yield an answer written with a loaded adapter, None for the served weights as they are; see `generate`."""
        params = self._sampling.updated(overrides).params()
        self._begin(entry)
        if served is not None:
            served(entry.spec.key if entry is not None else "none")
        count = 0
        try:
            (rendered,) = await self._llm.renderer.render_cmpl_async([{"prompt": prompt}])
            stream = self._llm.generate(
                rendered, params, request_id, lora_request=_lora_request(entry)
            )
            async with contextlib.aclosing(stream):
                async for output in stream:
                    self._last_output_s = self._clock.monotonic_s()
                    new = output.outputs[0]
                    self._tokens += len(new.token_ids)
                    count += len(new.token_ids)
                    yield Written(
                        text=new.text,
                        prompt_tokens=len(output.prompt_token_ids or ()),
                        completion_tokens=count,
                        finish=new.finish_reason,
                    )
        except (VLLMClientError, ValueError) as e:
            raise InputError(f"the engine refused request {request_id}: {e}", field="prompt") from e
        except (EngineDeadError, EngineGenerateError) as e:
            raise EngineDownError(f"the engine failed on request {request_id}: {e!r}") from e
        finally:
            self._active -= 1
            if entry is not None:
                self._table.end(entry)

    async def load_adapter(self, spec: AdapterSpec) -> LoadedAdapter:
        """Check an adapter and load it while others are served; idempotent for the same content.

        Raises:
            ArtifactError: the adapter is damaged, unsafe or made for another base.
            ConflictError: no room, no adapters on this engine, or the key holds other content.
        """
        async with self._loading:
            info = await asyncio.to_thread(check_adapter, Path(spec.path), self._served.base)
            if self._table.reserve(spec, info.digest):
                await self._load(spec, info)
            return _describe(self._table.find(spec.key))

    async def unload_adapter(self, adapter: str) -> None:
        """Take an adapter out of service at once and out of memory when its last request has ended.

        Raises:
            NotFoundError: it is not loaded.
            ConflictError: it is the champion that requests without an adapter use.
        """
        entry = self._table.find(adapter)
        if entry is self._default:
            raise ConflictError(f"{adapter} is the served champion; promote another one first")
        await self._unload(entry)

    async def _unload(self, entry: Entry) -> None:
        self._table.retire(entry.spec.key)
        await entry.idle.wait()
        async with self._loading:
            if entry.slot is not None:
                await self._llm.remove_lora(entry.slot)
            self._table.remove(entry)

    async def make_default(self, spec: AdapterSpec) -> None:
        """Load an adapter and let requests without an adapter use it from now on; idempotent.

        What served before finishes its requests and then leaves the engine, unless `apply_adapters` wants it.

        Raises:
            ArtifactError: the adapter is damaged, unsafe or made for another base. What served serves on.
            ConflictError: no room (one more than loaded must fit into `llm.max_loras`), or no adapters on this engine.
        """
        await self.load_adapter(spec)
        entry, before = self._table.find(spec.key), self._default
        self._default = entry
        if before is None or before is entry or before.spec.key in self._wanted:
            return
        leaving = asyncio.ensure_future(self._unload(before))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def apply_adapters(self, wanted: Sequence[AdapterSpec]) -> dict[str, str]:
        """Load and unload until exactly `wanted` (and the champion) are served.

        Loads first where there is room, so that a name never goes missing between two versions.

        Returns:
            For each adapter that could not be loaded, the reason. What was served stays served.
        """
        self._wanted = frozenset(s.key for s in wanted)
        loaded = [e.spec for e in self._table.loaded() if e is not self._default]
        unload, load = plan_adapters(loaded, wanted)
        room = self._table.free >= len(load)
        if not room:
            await asyncio.gather(*(self.unload_adapter(s.key) for s in unload))
        failed: dict[str, str] = {}
        for spec in load:
            try:
                await self.load_adapter(spec)
            except NaviyamError as e:
                _log.error("adapter %s is not served: %s", spec.key, e)
                failed[spec.key] = str(e)
        if room:
            await asyncio.gather(*(self.unload_adapter(s.key) for s in unload))
        return failed

    @property
    def merged(self) -> AdapterInfo | None:
        """The champion where it is part of the weights."""
        return self._merged

    def find(self, adapter: str) -> Entry:
        """Return the entry of `name@version`, or of a name: the default one's if it has it, else the newest.

        Raises:
            NotFoundError: it is not loaded.
        """
        default = self._default
        if default is not None and adapter == default.spec.name:
            return default
        return self._table.find(adapter)

    async def undo_champion(self, name: str) -> Entry:
        """Return what makes the plain base of a merged engine; loaded once, into a place beside `llm.max_loras`.

        Raises:
            ConflictError: the champion is not merged.
            ArtifactError: the engine refused it.
        """
        async with self._loading:
            if self._merged is None:
                raise ConflictError("the champion is not merged: no adapter writes as the base")
            if self._plain is None:
                root = self._settings.paths.cache / "difference"
                path = await asyncio.to_thread(undoing_adapter, self._merged, root)
                spec = AdapterSpec(name=name, version="plain", path=str(path))
                await self._add_to_engine(spec, _PLAIN_SLOT, path)
                digest = self._merged.digest
                self._plain = Entry(spec=spec, digest=digest, slot=_PLAIN_SLOT, path=str(path))
            return self._plain

    @property
    def tokenizer(self) -> Any:
        """The base's tokenizer, of transformers."""
        return self._llm.get_tokenizer()

    def adapters(self) -> tuple[LoadedAdapter, ...]:
        """Return the adapters that requests may ask for."""
        return tuple(_describe(e) for e in self._table.loaded())

    @property
    def default_adapter(self) -> str:
        """What requests without an adapter use: `name@version`, or `none` for the plain base."""
        return self._default.spec.key if self._default is not None else "none"

    @property
    def active(self) -> int:
        """Requests running or waiting."""
        return self._active

    @property
    def tokens(self) -> int:
        """Tokens written since the start."""
        return self._tokens

    @property
    def served(self) -> ServedModel:
        """The folders this engine was started on."""
        return self._served

    async def check_health(self) -> None:
        """Return if the engine works.

        Raises:
            EngineDownError: its processes died, or it has work and gave no output for too long.
        """
        if self._llm.errored:
            raise EngineDownError("the engine's processes died; the replica must be restarted")
        silent_s = self._clock.monotonic_s() - self._last_output_s
        if self._active and silent_s > self._settings.llm.stall_timeout_s:
            raise EngineDownError(
                f"{self._active} requests and no output for {silent_s:.0f} s"
                f" (llm.stall_timeout_s {self._settings.llm.stall_timeout_s})"
            )

    def _begin(self, entry: Entry | None) -> None:
        llm = self._settings.llm
        limit = llm.max_num_seqs + llm.max_queued
        if self._llm.errored:
            raise EngineDownError("the engine's processes died; the replica must be restarted")
        if self._active >= limit:
            raise OverloadedError(
                f"the language model has {self._active} requests, its limit is {limit}",
                retry_after_s=self._settings.serving.retry_after_s,
            )
        if self._active == 0:
            self._last_output_s = self._clock.monotonic_s()
        self._active += 1
        if entry is not None:
            self._table.begin(entry)

    async def _load_champion(self) -> None:
        """Know the champion's content, so that it can be asked for by name, merged or not."""
        if self._served.champion is None:
            return
        path = self._served.champion
        info = await asyncio.to_thread(check_adapter, path, self._served.base)
        version = self._served.version or UNVERSIONED
        spec = AdapterSpec(name=self._settings.llm.adapter, version=version, path=str(path))
        self._table.reserve(spec, info.digest)
        self._merged = info if self._served.merged else None
        await self._load(spec, info)
        self._default = self._table.find(spec.key)

    async def _load(self, spec: AdapterSpec, info: AdapterInfo) -> None:
        merged = self._merged
        if merged is not None and info.digest == merged.digest:
            self._table.add(spec, digest=info.digest, slot=None, path=spec.path)
            return
        slot = self._table.new_slot()
        self._check_rank(spec, info)
        path = Path(spec.path)
        if merged is not None:
            root = self._settings.paths.cache / "difference"
            path = await asyncio.to_thread(difference_adapter, info, merged, root)
        await self._add_to_engine(spec, slot, path)
        self._table.add(spec, digest=info.digest, slot=slot, path=str(path))

    async def _add_to_engine(self, spec: AdapterSpec, slot: int, path: Path) -> None:
        request = LoRARequest(f"{spec.key}#{slot}", slot, str(path))
        try:
            await self._llm.add_lora(request)
        except EngineDeadError as e:
            raise EngineDownError(f"the engine died before {spec.key} was loaded") from e
        except Exception as e:
            raise ArtifactError(f"the engine refused adapter {spec.key}: {e}") from e

    def _check_rank(self, spec: AdapterSpec, info: AdapterInfo) -> None:
        rank = info.rank + (self._merged.rank if self._merged is not None else 0)
        if rank > self._settings.llm.max_lora_rank:
            raise ArtifactError(
                f"adapter {spec.key} needs rank {rank} on this engine (merged: {self._served.merged}),"
                f" llm.max_lora_rank is {self._settings.llm.max_lora_rank}; raise it or train a smaller rank"
            )


def _lora_request(entry: Entry | None) -> LoRARequest | None:
    if entry is None or entry.slot is None:
        return None
    return LoRARequest(f"{entry.spec.key}#{entry.slot}", entry.slot, entry.path)


def _describe(entry: Entry) -> LoadedAdapter:
    return LoadedAdapter(
        name=entry.spec.name,
        version=entry.spec.version,
        digest=entry.digest,
        running=entry.running,
    )
