"""How busy the machines are: this one through psutil and nvidia-smi, several through Ray's dashboard. Reads only."""

import shutil
import subprocess
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil

from cluster.jobs.types import Load

_WINDOW = 10
"""Looks whose mean is the CPU's share: one look sees a second, in which anything may be."""

_NODES_EVERY = 5
"""Looks between two questions to the dashboard, which costs it a hundredth of a second."""

_SMI = ("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")


@dataclass(slots=True, kw_only=True)
class LoadProbe:
    """The load of the cluster behind `address` (Ray's dashboard): the mean of its nodes, or this machine's where it has one.

    Args:
        address: such as `http://127.0.0.1:8265`; "" looks at this machine only.
    """

    address: str = ""
    _cpu: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _looks: int = 0
    _nodes: Load | None = None

    def __post_init__(self) -> None:
        psutil.cpu_percent(interval=None)  # the first answer of a process is always 0

    def __call__(self) -> Load:
        """Look."""
        if self.address and self._looks % _NODES_EVERY == 0:
            self._nodes = nodes_load(self.address)
        self._looks += 1
        load = self._nodes or local_load()
        if load.cpu is None:
            return load
        self._cpu.append(load.cpu)
        return Load(cpu=sum(self._cpu) / len(self._cpu), memory=load.memory, gpu=load.gpu)


def local_load() -> Load:
    """Return this machine's load; the CPU's since the call before."""
    gpus = _gpus()
    return Load(
        cpu=psutil.cpu_percent(interval=None) / 100,
        memory=psutil.virtual_memory().percent / 100,
        gpu=sum(gpus) / len(gpus) if gpus else None,
    )


def nodes_load(address: str, *, timeout_s: float = 3.0) -> Load | None:
    """Return the mean load of the cluster's living nodes; None where it has one node only or does not answer."""
    try:
        answer = httpx.get(
            f"{address}/nodes", params={"view": "summary"}, timeout=timeout_s, trust_env=False
        )
        return load_of(answer.json()["data"]["summary"]) if answer.is_success else None
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def load_of(nodes: list[Mapping[str, Any]]) -> Load | None:
    """Return the mean load of Ray's summary of nodes; None for fewer than two that live and say what they use."""
    living = [
        node
        for node in nodes
        if node.get("raylet", {}).get("state") == "ALIVE" and "cpu" in node and node.get("mem")
    ]
    if len(living) < 2:
        return None
    gpus = [
        float(gpu["utilizationGpu"]) / 100
        for node in living
        for gpu in node.get("gpus") or ()
        if gpu.get("utilizationGpu") is not None
    ]
    return Load(
        cpu=sum(float(node["cpu"]) for node in living) / len(living) / 100,
        memory=sum(float(node["mem"][2]) for node in living) / len(living) / 100,
        gpu=sum(gpus) / len(gpus) if gpus else None,
    )


def _gpus() -> list[float]:
    """Return each GPU's share of use; none without a driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, *_SMI], capture_output=True, text=True, timeout=5, check=True
        )
        return [float(line) / 100 for line in done.stdout.splitlines() if line.strip()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
