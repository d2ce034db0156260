import random
from types import SimpleNamespace

import numpy as np
import pytest

from naviyam.catalog.events import Events
from naviyam.catalog.store import Catalog, write_tables
from naviyam.simulation.shops import sample_shops
from naviyam.simulation.users import World
from naviyam.simulation.visit import Seen


@pytest.fixture(scope="session")
def town(tmp_path_factory):
    """A small catalogue and its world."""
    shops, menus = sample_shops(random.Random(5), count=160)
    folder = tmp_path_factory.mktemp("catalog")
    write_tables(folder, shops, menus, [], Events.from_rows([], simulated=True), {"seed": 7})
    catalog = Catalog.load(folder)
    return SimpleNamespace(catalog=catalog, world=World.of(catalog, seed=7))


class Service:
    """Answers a script in this process: the shops around a child, put in order by a planted policy.

    `best` orders by the child's true utility, `worst` the other way round, `random` by a coin.
    """

    def __init__(self, town, policy="random", *, variant="stable", shown=10):
        self.town, self.policy, self.variant, self.shown = town, policy, variant, shown
        self.calls = []
        self.rng = np.random.default_rng(1)

    def answer(self, user, visit, call):
        self.calls.append(call)
        if call.path not in ("/recommendations", "/chat"):
            return {"duplicate": False, "collected": True}
        world, place = self.town.world, user.place(at_school=visit.at_school)
        km = np.hypot(world.town.x - place[0], world.town.y - place[1])
        gone = {world.row_of[s] for s in call.body.get("exclude", ())}
        near = [r for r in world.town.usable[np.argsort(km[world.town.usable])] if r not in gone]
        rows = np.array(near[: self.shown])
        utility = world.utility(
            user, rows, place=place, slot=visit.slot, wanted=None, closed=np.zeros(len(rows), bool)
        )
        key = {"best": -utility, "worst": utility, "random": self.rng.random(len(rows))}
        ids = [self.town.catalog.shop_ids[r] for r in rows[np.argsort(key[self.policy])]]
        return {
            "interaction_id": f"i_{len(self.calls)}",
            "session_id": "s_1",
            "recommendations": [{"shop_id": s} for s in ids],
            "response_time_s": 0.5,
            "metadata": {"variant": self.variant, "versions": {"ranker": self.policy}},
        }

    def play(self, script, user, visit):
        """Play a script to its end; return what was seen."""
        seen, answer = [], None
        while True:
            try:
                step = script.send(answer)
            except StopIteration:
                return seen
            if isinstance(step, Seen):
                seen.append(step)
                answer = None
            else:
                answer = self.answer(user, visit, step)


@pytest.fixture
def service_of(town):
    return lambda *args, **options: Service(town, *args, **options)
