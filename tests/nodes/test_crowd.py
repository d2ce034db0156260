"""The crowd of the benches: it asks at doors that are well, a second time elsewhere, and counts what failed."""

import asyncio
import time

import httpx
import pytest

from cluster.cli.client import ServiceClient, ServiceError, may_ask_again
from cluster.cli.crowd import Asked, Crowd, Doors, count
from cluster.cli.measures import Sample
from cluster.cli.nodes_bench import is_whole
from cluster.cli.session import Session
from cluster.ray_io.nodes import Node, Replica, Scene, parse_nodes, parse_replicas
from tests.nodes.conftest import node_row


def asked(at_s, status, **how):
    return Asked(at_s=at_s, door="a", sample=Sample(seconds=0.1, status=status, **how))


def test_what_counts_as_failed():
    found = [
        asked(1, 200),
        asked(1, 503, retry_after=True),
        asked(1, 503),
        asked(1, 0),
        asked(1, 200, problem="the stream ended without done"),
        asked(9, 500),
    ]
    figures = count(found, since_s=0, until_s=5)
    assert (figures.requests, figures.failed, figures.refused) == (5, 3, 1)
    assert count(found, since_s=5, until_s=10).failed == 1


def test_doors_that_are_not_well_are_left_out():
    def answer(request):
        if request.url.host == "away":
            raise httpx.ConnectError("no")
        return httpx.Response(503 if request.url.host == "draining" else 200)

    async def look():
        doors = Doors()
        doors.offer(["http://a", "http://away", "http://draining", "http://b"])
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            await doors.look(http)
        return doors

    doors = asyncio.run(look())
    assert doors.well == ("http://a", "http://b")
    assert {doors.pick() for _ in range(4)} == {"http://a", "http://b"}
    assert doors.pick(but="http://a") == "http://b"


def test_a_request_that_is_cut_off_is_asked_elsewhere():
    async def ask(http, body):
        broken = http.base_url.host == "a"
        await asyncio.sleep(0.001)
        return Sample(
            seconds=0.1, status=0 if broken else 200, problem="ReadError" if broken else ""
        )

    doors = Doors(offered=("http://a", "http://b"))
    crowd = Crowd(doors, ask, context={}, think_s=0.001, seed=1)
    with crowd:
        crowd.clients = 2
        deadline = time.monotonic() + 10
        while len(crowd.asked) < 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        crowd.clients = 0
    again = [a for a in crowd.asked if a.again]
    assert again
    assert {(a.door, a.first, a.failed) for a in again} == {("http://b", "ReadError", False)}
    assert not any(a.failed for a in crowd.asked)


@pytest.mark.parametrize(
    ("error", "method", "body", "again"),
    [
        (httpx.ConnectError("x"), "POST", {}, True),
        (httpx.ReadError("x"), "GET", None, True),
        (httpx.ReadError("x"), "POST", {"user_id": "u"}, False),
        (httpx.RemoteProtocolError("x"), "POST", {"idempotency_key": "k"}, True),
        (httpx.ReadTimeout("x"), "GET", None, False),
    ],
)
def test_only_what_may_be_done_twice_is_asked_twice(error, method, body, again):
    assert may_ask_again(error, method, body) is again


class Breaking(httpx.BaseTransport):
    """Breaks the first `times` requests off."""

    def __init__(self, times):
        self.times, self.seen = times, 0

    def handle_request(self, request):
        self.seen += 1
        if self.seen <= self.times:
            raise httpx.RemoteProtocolError("cut off", request=request)
        if request.url.path == "/chat":
            return httpx.Response(200, text='event: done\ndata: {"response": "hi"}\n\n')
        return httpx.Response(200, json={"ok": True})


@pytest.mark.parametrize("times", [1, 2])
def test_the_verbs_client_asks_a_second_time_and_no_third(times):
    for call in (lambda c: c.call("GET", "/x"), lambda c: c.ask({"message": "hi"}).body):
        client = ServiceClient("http://s")
        client._client = httpx.Client(base_url="http://s", transport=Breaking(times))
        if times == 1:
            assert call(client)
        else:
            with pytest.raises(ServiceError, match="RemoteProtocolError"):
                call(client)


def replica(deployment, node, state="RUNNING"):
    return Replica(deployment=deployment, id=f"{deployment}-{node}-{state}", node=node, state=state)


def node(name, head=False):
    return Node(id=name, name=name, address="127.0.0.1", head=head, offered={})


def test_a_cluster_is_whole_when_its_least_replicas_run_on_living_nodes(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(
        "llm: {enabled: false}\nserving: {ingress: {min_replicas: 2, max_replicas: 2}}"
    )
    session = Session(config=config)

    def scene(*replicas):
        return Scene(nodes=(node("h", head=True), node("a")), replicas=replicas, proxies={})

    assert is_whole(session, scene(replica("Ingress", "h"), replica("Ingress", "a")))
    assert not is_whole(session, scene(replica("Ingress", "h"), replica("Ingress", "dead")))
    assert not is_whole(session, scene(replica("Ingress", "h")))
    third = replica("Ingress", "a", "STOPPING")
    assert not is_whole(session, scene(replica("Ingress", "h"), replica("Ingress", "a"), third))
    assert not is_whole(session, None)


def test_rays_answers_are_read():
    rows = [
        node_row("w2", GPU=1.0),
        node_row("h", head=True, CPU=8.0),
        node_row("w1", CPU=2.0),
        node_row("x", state="DEAD"),
    ]
    found = parse_nodes({"data": {"result": {"result": rows}}})
    assert [(n.name, n.kind) for n in found] == [("h", "head"), ("w1", "cpu"), ("w2", "gpu")]
    one = {"replica_id": "r", "node_id": None, "state": "STARTING"}
    served = {"applications": {"naviyam": {"deployments": {"Ranker": {"replicas": [one]}}}}}
    assert parse_replicas(served) == (
        Replica(deployment="Ranker", id="r", node="", state="STARTING"),
    )
    assert parse_replicas({}) == ()
