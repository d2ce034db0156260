"""A service that can be stopped and started again on its port, with experiments, jobs and an alert in real SQLite stores. No Ray."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import httpx
import uvicorn

from cluster.database import open_engine
from cluster.jobs.folders import JobFolder
from cluster.jobs.states import JobEvent
from cluster.monitoring.alerts import AlertEvent, Level, Watch
from cluster.registry.kinds import Kind
from cluster.registry.memory_registry import MemoryRecords
from cluster.registry.registry import Registry
from cluster.rollout.part import MemoryFleet, RolloutPart, look, look_of
from cluster.rollout.rollouts import Rollouts
from cluster.rollout.sql_looks import SqlLooks
from cluster.rollout.sql_store import SqlExperiments
from cluster.telemetry.instruments import MemoryMeter
from deployments.admin.keys import load_or_create_admin_key
from deployments.admin.live.own import OwnScraper
from deployments.admin.open import Control
from deployments.ingress import create_app
from deployments.metrics import ServiceMetrics
from naviyam.clock import FakeClock, SystemClock
from tests.rollout.crowd import BEGAN, crowd

EVIL = "<script>window.evil = 1</script><img src=x onerror='window.evil = 2'>"
_UP_S = 20.0


class NoLog:
    """No answers: looks are planted."""

    def seen(self, experiment):
        return ()


class World:
    """What the tests look into while the browser acts."""

    completions = None
    """The language model of /v1, where there is one."""

    def __init__(self, folder, state, service_of):
        self._state, self._service_of = state, service_of
        self.sections = {
            "jobs": {"database": f"sqlite:///{folder / 'control.db'}"},
            "admin": {"key_file": str(folder / "admin.key"), "live_every_s": 0.25},
            "access": {"limited": False},
        }
        self.meter = MemoryMeter()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = self._thread = None
        self._registry = _registry(folder)
        self.start()
        self.key = load_or_create_admin_key(self.control.settings)
        self._plant()

    def start(self):
        service = self._service_of(self._state, metrics=ServiceMetrics(self.meter), **self.sections)
        self.settings = service.settings
        self.control = self._control(service.settings)
        self.district = service.runtimes.current.catalog.districts[0]
        config = uvicorn.Config(
            create_app(service, control=self.control, completions=self.completions),
            port=self.port,
            log_level="critical",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _UP_S
        while not self._server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)

    def stop(self):
        self._server.should_exit = True
        self._thread.join(_UP_S)
        assert not self._thread.is_alive()

    def chat(self, count):
        for n in range(count):
            body = {"user_id": f"kid-{n}", "message": "치킨 먹고 싶어", "context": {"district": self.district}}  # fmt: skip
            assert httpx.post(f"{self.url}/chat", json=body, trust_env=False).is_success

    def experiment(self, layer):
        found = [e for e in self.part.rollouts.experiments.all() if e.layer == layer]
        return found[-1]

    def acts(self):
        return [e.to_dict() for e in self.control.audit.entries(limit=50)]

    @property
    def part(self):
        return self.control.rollouts

    def _control(self, settings):
        engine = open_engine(settings)
        control = Control(settings)
        control.least_span_s = 0.2
        control.__dict__["scraper"] = OwnScraper(meter=self.meter, clock=SystemClock())
        control.__dict__["rollouts"] = RolloutPart(
            rollouts=Rollouts(
                experiments=SqlExperiments(engine),
                registry=self._registry,
                clock=SystemClock(),
                settings=settings,
                variants={},
            ),
            fleet=MemoryFleet(),
            observer=NoLog(),
            alarms=control.alerts,
            looks=SqlLooks(engine),
        )
        return control

    def _plant(self):
        for layer, clicks in (("ranker", (0.25, 0.33)), ("adapter", (0.3, 0.29))):
            held = self.part.rollouts.start(
                layer, "challenger", who=EVIL if layer == "ranker" else "controller", why="배운 것"
            )
            self._look(held, crowd(900, weight=0.1, clicks=clicks, stars=(3.9, 4.1), every_s=40))
        control, now = self.control, SystemClock().now()
        failed = control.jobs.submit("lora", ["--max-steps", "5"], who="schedule")
        running = control.store.move(failed, JobEvent.CHOSEN, now=now, changes={"attempt": 1})
        control.store.move(running, JobEvent.FAILED, now=now, changes={"reason": EVIL})
        log = JobFolder.of(self.settings, failed.id).log_path(1)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"step 1\n{EVIL}\n")
        control.jobs.submit("ranker", who="민수")
        event = AlertEvent(
            kind="raised", alert_id="a1", rule="error_rate", population="real", level=Level.ALARM,
            at=now - timedelta(minutes=7), value=0.08, statement="8 of 100 requests (8.0%) got no answer; 5% are allowed",
        )  # fmt: skip
        control.alerts.keep(Watch(rule="error_rate", population="real"), event)

    def _look(self, held, people):
        """Plant a look for every hour of an experiment, as the controller would have made them."""
        shift = held.created_at - BEGAN
        for n in range(1, 11):
            at = BEGAN + timedelta(hours=n)
            seen = look_of(held, *look(held, [p for p in people if p.at <= at], self.settings, at))
            moved = {"at": at + shift - timedelta(hours=10)}
            self.part.looks.keep(type(seen)(**{**_fields(seen), **moved}))


def _fields(seen):
    return {name: getattr(seen, name) for name in ("experiment", "weight", "analysis", "verdict")}


@contextmanager
def world_of(folder, state, service_of):
    """A world whose server ends with the block."""
    world = World(folder, state, service_of)
    try:
        yield world
    finally:
        world.stop()


def _registry(folder):
    """Rankers and adapters: two that served, one that is the challenger."""
    clock = FakeClock(current=SystemClock().now() - timedelta(days=3))
    kinds = {
        name: Kind(kind=name, root=folder / "models" / name, check=lambda folder: None)
        for name in ("ranker", "nlg")
    }
    made = Registry(MemoryRecords(), kinds, clock)
    for name in kinds:
        for weights in ("first", "second", "third"):
            trained = folder / "trained" / name / weights
            trained.mkdir(parents=True)
            (trained / "weights").write_text(weights)
            card = {"metrics": {"offline_gain": 0.05, "ndcg_at_5": 0.431}}
            (trained / "model.json").write_text(json.dumps(card))
            clock.advance(3600)
            version = made.register(name, trained)
            if weights == "third":
                made.set_alias(name, "challenger", version.version)
            else:
                made.promote(name, version.version, who="learn", why="미리 잰 것이 나아서")
    return made
