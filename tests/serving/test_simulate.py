"""Simulated children against the real application: its answers are understood, and what they cause says so."""

from datetime import date

from cluster.cli.drive import Driver
from naviyam.feedback.reader import read_events
from naviyam.feedback.store import EventStore
from naviyam.simulation.days import Plan, schedule
from naviyam.simulation.users import World

PLAN = Plan(seed=11, start=date(2026, 11, 16), users=12, days=1, chat_share=0.3)


def test_children_use_the_real_service(state, served):
    async def story(w):
        world = World.of(w.catalog, seed=7)
        driver = Driver(world=world, seed=PLAN.seed, clients=4)
        await driver.run(w.client, schedule(world, PLAN))
        return driver.log

    log = served(story)
    assert log.problems == {}
    assert {s.route for s in log.seen} == {"/chat", "/recommendations"}
    assert all(s.group["ranker"] not in ("", "none") for s in log.seen)
    assert log.feedback["clicked"] > 0
    store = EventStore(state / "events")
    answers = {r["interaction_id"]: r for r in read_events(store, "interactions")}
    kept = [s for s in log.seen if s.interaction_id in answers]
    assert len(kept) > len(log.seen) / 2  # a few children do not consent
    for seen in kept:
        record = answers[seen.interaction_id]
        assert record["simulated"] is True
        assert [s["shop_id"] for s in record["shown"]] == list(seen.shop_ids)
    told = [
        f
        for f in read_events(store, "feedback")
        if f["interaction_id"] in {s.interaction_id for s in kept}
    ]
    assert told
    assert all(f["simulated"] is True for f in told)
