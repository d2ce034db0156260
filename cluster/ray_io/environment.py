"""What Ray's processes must see in their environment before they start. No process is started here.

`node_environment` is for every node of every cluster (manifests, launchers); `ray_environment` adds what several clusters
on one machine need so that they keep apart.
"""

import socket
from hashlib import blake2b
from pathlib import Path

from naviyam.settings import Cluster, Settings

_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
"""Ray would replace these by the machine's outer address, unless it is told not to."""

_REPLICA_FROM, _REPLICA_PORTS, _REPLICA_RANGES = 20_000, 50, 240
"""Stretches of ports below 32,000, from which the kernel gives none away by itself."""


def node_environment(settings: Settings) -> dict[str, str]:
    """Return what every node must see, wherever it runs: it decides how Serve balances, drains and scales."""
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        # Until every balancer has forgotten a replica that has to go, it answers.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": f"{settings.cluster.drain_s:g}",
        "RAY_SERVE_USE_PACK_SCHEDULING_STRATEGY": str(int(settings.cluster.pack)),
        # Ten seconds by default, before which no replica more is asked for.
        "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "2",
        "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "2",
        # On a busy machine the proxy takes longer than the 5 s after which Serve kills it.
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Its lines hold whole paths, and so ids of users; ours hold templates. Nobody listens on the discard port.
        "RAY_SERVE_HAPROXY_LOG_TARGET": "127.0.0.1:9",
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        **_otherwise(settings.cluster),
    }


def _otherwise(cluster: Cluster) -> dict[str, str]:
    """Return what differs from Ray's own defaults only where an operator says so."""
    told = {}
    if cluster.proxy_drain_s != Cluster().proxy_drain_s:
        told["RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S"] = f"{cluster.proxy_drain_s:g}"
    if cluster.retry_cut_off:
        told["RAY_SERVE_HAPROXY_RETRY_ON"] = "conn-failure empty-response"
    return told


def joining_environment(settings: Settings) -> dict[str, str]:
    """Return what a process must see that joins the cluster of `cluster.address`."""
    host = settings.cluster.address.rpartition(":")[0]
    loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"} if host in _LOOPBACK else {}
    return {**node_environment(settings), **loopback}


def ray_environment(settings: Settings) -> dict[str, str]:
    """Return what every process of a cluster on this machine must see before it starts, and one that joins it too."""
    return {
        **node_environment(settings),
        "RAY_AUTH_MODE": "disabled",
        # On a busy machine the tables answer later than after the 5 s of the default.
        "RAY_gcs_rpc_server_connect_timeout_s": "30",
        "RAY_gcs_storage": "rocksdb",
        "RAY_gcs_storage_path": str(tables_folder(settings)),
        # Off, Ray keeps to the loopback address.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # Ten rounds a second by default, which is a twentieth of a core that the language model could use.
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
        # Replicas listen in this range: where two clusters shared it, one's proxy sent requests to the other's replicas.
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(_first_replica_port(settings)),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(
            _first_replica_port(settings) + _REPLICA_PORTS
        ),
        # Fixed by default, so that a second cluster's proxy on this machine would not start.
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
        # Replicas start in folders of their own: relative ones of the settings would lead nowhere.
        **{
            f"NAVIYAM__PATHS__{name.upper()}": str(getattr(settings.paths, name).resolve())
            for name in type(settings.paths).model_fields
        },
    }


def tables_folder(settings: Settings) -> Path:
    """Return where Ray's tables lie: jobs, detached actors, Serve's goal state."""
    return settings.paths.state.resolve() / "gcs"


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _first_replica_port(settings: Settings) -> int:
    """Return where the replicas' ports begin: a stretch of its own for each serving port, as far as hashes differ."""
    digest = blake2b(str(settings.serving.port).encode(), digest_size=4).digest()
    return _REPLICA_FROM + int.from_bytes(digest) % _REPLICA_RANGES * _REPLICA_PORTS
