"""What the processes of one training share: gradients (DDP or FSDP), sums, checkpoints. torch only, no Ray.

A loop is written once against `Exchange`; alone it is the plain loop. Who starts the processes is not decided here.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import distributed, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_state_dict,
    set_state_dict,
)
from torch.nn.parallel import DistributedDataParallel

Strategy = Literal["ddp", "fsdp"]
STATE_FILE = "state.pt"


@runtime_checkable
class Blocks(Protocol):
    """A module that FSDP spreads block by block."""

    def blocks(self) -> list[nn.Module]:
        """Return the blocks, those that are used first in front."""


def _as_it_is(module: nn.Module) -> nn.Module:
    return module


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One of `world` processes. `wrap` makes a module whose gradients are the mean over all of them."""

    rank: int = 0
    world: int = 1
    wrap: Callable[[nn.Module], nn.Module] = _as_it_is

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum over all processes; every one of them must call it."""
        if self.world > 1:
            distributed.all_reduce(values)
        return values


ALONE = Exchange()


def sharded(module: nn.Module, blocks: Iterable[nn.Module]) -> nn.Module:
    """Return the module as FSDP2 keeps it: every block's parameters in equal parts on all processes.

    For bases that one device cannot hold. Frozen and trained parameters may stand beside each other.
    """
    from torch.distributed.fsdp import fully_shard  # noqa: PLC0415 - costs a second, rarely needed

    for block in blocks:
        fully_shard(block)
    fully_shard(module)  # changes the module itself
    return module


def accumulating(module: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
    """Return a context in which a backward pass exchanges gradients only where it is the step's last."""
    if isinstance(module, DistributedDataParallel) and not last:
        return module.no_sync()
    switch: Any = getattr(module, "set_requires_gradient_sync", None)
    if switch is not None:  # FSDP2
        switch(last)
    return nullcontext()


def state_of(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return trained parameters and the optimiser's state, whole, on rank 0; every process must call it."""
    model, optim = get_state_dict(module, optimizer, options=_options())
    return {"model": model, "optimizer": optim}


def restore(module: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Set what `state_of` returned, under any number of processes and either strategy."""
    set_state_dict(
        module,
        optimizer,
        model_state_dict=state["model"],
        optim_state_dict=state["optimizer"],
        options=_options(),
    )


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint into `folder`, beside and renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{STATE_FILE}.tmp"
    torch.save(state, temporary)
    temporary.replace(folder / STATE_FILE)


def read_state(folder: Path) -> dict[str, Any] | None:
    """Return the checkpoint in `folder`, None where there is none. Tensors and plain values only."""
    path = folder / STATE_FILE
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def step_seed(seed: int, step: int, rank: int) -> int:
    """Return the seed of one step (or epoch) of one process: repeating it after a crash draws the same numbers."""
    return seed + 1_000_003 * (step + 1) + 7_919 * rank


def _options() -> StateDictOptions:
    return StateDictOptions(
        full_state_dict=True, cpu_offload=True, ignore_frozen_params=True, strict=False
    )
