"""One Ray head on this machine: start, find again, stop. Stops exactly what it started.

The head runs as `ray start --head --block` in a process session of its own. Every process below it inherits
`NAVIYAM_RAY_SESSION`, so that leftovers are found by that mark and other Ray clusters are left alone.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

from cluster.ray_io.environment import free_port, ray_environment, tables_folder
from naviyam.errors import ConflictError, NaviyamError
from naviyam.settings import Settings

MARK = "NAVIYAM_RAY_SESSION"
_SOCKET_TAIL = len("/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store.1")
_SOCKET_LIMIT = 107
"""Bytes in the path of a Unix socket."""

_PORT_FREE_S = 15.0
_OBJECT_STORE_BYTES = 256 * 2**20
_LEAST_LOGICAL_CPUS = 4
"""Ray's CPUs are only a count. Light deployments mostly wait, so two cores may carry more than two of them."""


class HeadError(NaviyamError, RuntimeError):
    """Ray did not start or did not stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A head that was started here. `gcs` is its address; `mark` names its processes; `logs` its log folder."""

    pid: int
    mark: str
    gcs: str
    dashboard_port: int
    serving_port: int
    temp_dir: str
    log: str

    @property
    def logs(self) -> Path:
        """The folder of Ray's own logs."""
        return Path(self.temp_dir) / "session_latest" / "logs"


def find_head(settings: Settings) -> Head | None:
    """Return the head started from this state folder if any process of it lives, else None."""
    path = _record(settings)
    try:
        head = Head(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise HeadError(
            f"{path} is not readable ({error}); remove it when no Ray of it runs"
        ) from error
    return head if marked_processes(head.mark) else None


def start_head(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    gcs_port: int = 0,
    arguments: Sequence[str] = (),
    timeout_s: float = 180,
) -> Head:
    """Start a head bounded to this machine and wait until its dashboard listens.

    What an earlier head that was killed kept (jobs, detached actors, the Serve application) comes back with it: Ray's
    tables lie in RocksDB below the state until `stop_head` ends a head in order.

    Args:
        settings: of the installation.
        environ: for Ray's processes.
        gcs_port: of the tables; 0 is any free port.
        arguments: more of them for `ray start`; the last of two that are alike holds.
        timeout_s: how long it may take.

    Raises:
        ConflictError: a port is taken by something else.
        HeadError: Ray ended or did not come up; the message holds the log's last lines.
    """
    cleared = clear_leftovers(settings)
    serving = settings.serving
    for port, key in ((serving.port, "port"), (serving.dashboard_port, "dashboard_port")):
        if port and not _free_within(port, _PORT_FREE_S if cleared else 0.0):
            raise ConflictError(
                f"port {port} is taken by another process; stop it or set serving.{key} to a free one"
            )
    state = settings.paths.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    log = state / "ray.log"
    mark = secrets.token_hex(8)
    temp_dir = _temp_dir(state)
    gcs_port = gcs_port or free_port()
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
        *("--node-ip-address", "127.0.0.1", "--port", str(gcs_port)),
        *("--ray-client-server-port", str(free_port()), "--include-dashboard", "true"),
        *("--dashboard-agent-listen-port", str(free_port())),
        *("--dashboard-host", "127.0.0.1", "--dashboard-port", str(serving.dashboard_port)),
        *("--temp-dir", str(temp_dir), "--object-store-memory", str(_OBJECT_STORE_BYTES)),
        *("--num-cpus", str(max(os.cpu_count() or 1, _LEAST_LOGICAL_CPUS))),
        *("--disable-usage-stats", "--log-color", "false"),
        *arguments,
    ]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            env={**_with_our_python(environ), **ray_environment(settings), MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    head = Head(
        pid=process.pid,
        mark=mark,
        gcs=f"127.0.0.1:{gcs_port}",
        dashboard_port=serving.dashboard_port,
        serving_port=serving.port,
        temp_dir=str(temp_dir),
        log=str(log),
    )
    _record(settings).write_text(json.dumps(asdict(head)), encoding="utf-8")
    deadline = time.monotonic() + timeout_s
    while not _listens(serving.dashboard_port):
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            stop_head(settings, head)
            what = (
                f"ended with {process.returncode}"
                if ended
                else f"is not up after {timeout_s:.0f} s"
            )
            raise HeadError(f"Ray {what}; {log} ends with:\n{tail(log)}")
        time.sleep(0.2)
    return head


def _with_our_python(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables under which `python` is this environment's, so that `ray job submit -- python -m ...` finds it."""
    folder = str(Path(sys.executable).parent)
    return {**environ, "PATH": os.pathsep.join(filter(None, (folder, environ.get("PATH"))))}


def is_whole(head: Head) -> bool:
    """Return whether the head itself, its tables and its dashboard live; else only leftovers of a killed one do."""
    gcs_port = int(head.gcs.rpartition(":")[2])
    return (
        head.pid in marked_processes(head.mark)
        and _listens(gcs_port)
        and _listens(head.dashboard_port)
    )


def clear_leftovers(settings: Settings) -> int:
    """Kill what a killed head left running, and keep its tables for the next one; return how many processes there were.

    A whole head is left alone.
    """
    head = find_head(settings)
    if head is None or is_whole(head):
        return 0
    left = marked_processes(head.mark)
    for pid in left:
        _signal(pid, signal.SIGKILL)
    if _wait_gone(head.mark, 10):
        raise HeadError(f"processes {marked_processes(head.mark)} do not end; end them by hand")
    return len(left)


def stop_head(settings: Settings, head: Head, *, timeout_s: float = 20) -> int:
    """End every process of `head`, kindly first, and its tables; return how many had to be killed. Idempotent."""
    for pid in marked_processes(head.mark):
        if pid == head.pid:
            _signal(pid, signal.SIGTERM)
    left = _wait_gone(head.mark, timeout_s)
    for pid in left:
        _signal(pid, signal.SIGKILL)
    if _wait_gone(head.mark, 5):
        raise HeadError(f"processes {marked_processes(head.mark)} do not end; end them by hand")
    forget_head(settings)
    return len(left)


def forget_head(settings: Settings) -> None:
    """Remove the record and the tables of a head that does not run: the next one begins anew. Idempotent."""
    _record(settings).unlink(missing_ok=True)
    shutil.rmtree(tables_folder(settings), ignore_errors=True)


def marked_processes(mark: str) -> list[int]:
    """Return the ids of the live processes that carry `mark` in their environment."""
    return processes_with(MARK, mark)


def processes_with(name: str, value: str) -> list[int]:
    """Return the ids of the live processes in whose environment a variable has this value."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if wanted in environment and state != "Z":
            found.append(int(entry.name))
    return sorted(found)


def tail(path: Path, *, lines: int = 15) -> str:
    """Return the last lines of a log, "" where there is none."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _temp_dir(state: Path) -> Path:
    """Return Ray's folder below the state, or below /tmp where socket paths would become too long."""
    folder = state / "ray"
    if len(str(folder).encode()) + _SOCKET_TAIL > _SOCKET_LIMIT:
        folder = Path("/tmp") / f"naviyam-{blake2b(str(state).encode(), digest_size=5).hexdigest()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _record(settings: Settings) -> Path:
    return settings.paths.state.resolve() / "ray-head.json"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_within(port: int, timeout_s: float) -> bool:
    """Wait until nobody listens: what was just killed may hold its port for a moment longer."""
    deadline = time.monotonic() + timeout_s
    while _listens(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _wait_gone(mark: str, timeout_s: float) -> list[int]:
    deadline = time.monotonic() + timeout_s
    while (left := marked_processes(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left
