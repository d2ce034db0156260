"""Which Ray cluster an installation runs on, and what its nodes share."""

from typing import Self

from pydantic import Field, model_validator

from naviyam.settings.section import Section


class Cluster(Section):
    """Where Ray is. By default `naviyam up` starts one on this machine; with `address` it only deploys onto one that runs."""

    address: str = ""
    """GCS of a running cluster of which this machine is a node: `auto`, or host:port. "" starts a head here."""

    dashboard_url: str = ""
    """Such as `http://head:8265`. "" is this machine and `serving.dashboard_port`: right on the head."""

    service_url: str = ""
    """Where commands reach the service. "" is `serving.host` and `serving.port`."""

    shared_state: bool = False
    """True where `paths.state` is one folder on every machine (NFS, EFS, FSx): replicas read catalogue, index, models
    and the traffic table there, and write events. Needed as soon as the cluster has more machines than one."""

    controller_resources: dict[str, float] = Field(default_factory=dict)
    """Custom resources of the nodes that may run the controller, so that it comes back on one of them. Needs PostgreSQL,
    `dashboard_url` and `service_url`: without them it stays on the head."""

    pack: bool = False
    """True fills nodes before it takes others and moves replicas together where a node can be spared, which GPUs are worth;
    False spreads them. What must not share a node needs `max_replicas_per_node: 1` then."""

    drain_s: float = Field(2.0, ge=0)
    """How long an ingress replica that has to go stays reachable, until every balancer has forgotten it: with several
    nodes 10 s are safe."""

    proxy_drain_s: float = Field(30.0, gt=0)
    """How long the balancer of a node without replicas refuses health checks before it goes, so that what stands before the
    nodes asks elsewhere. Only then does the node count as idle: its idle timeout begins after it."""

    retry_cut_off: bool = False
    """True lets balancers send a request to another replica when the first died before it said anything, which nobody then
    notices; but a request may be done twice: feedback without an idempotency_key would count twice. False leaves that to
    clients, who know what may be done twice. A refused connection is always taken elsewhere."""

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        for name in ("dashboard_url", "service_url"):
            url = getattr(self, name)
            if url and not url.startswith(("http://", "https://")):
                raise ValueError(f"cluster.{name} is {url!r}; write it with http:// or https://")
        return self
