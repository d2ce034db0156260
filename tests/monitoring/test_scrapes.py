"""Rates and quantiles of two scrapes: restarts, births, pages that were away."""

from itertools import pairwise

import pytest

from cluster.monitoring.scrapes import (
    INFINITE,
    Histogram,
    Scrape,
    increase,
    page_of,
    together,
)
from cluster.ray_io.scrape import parse_page
from cluster.ray_io.watch import parse

ANSWERS = "naviyam_answers_total"


def scrape(at_s, missing=(), **pages):
    made = {
        target: page_of((ANSWERS, {"replica": r, "outcome": o}, v) for (r, o), v in page.items())
        for target, page in pages.items()
    }
    return Scrape(at_s=at_s, pages=made, missing=missing)


def test_growth_is_of_all_processes_on_all_nodes():
    before = scrape(0, one={("a", "ok"): 10, ("b", "ok"): 5}, two={("c", "timeout"): 1})
    after = scrape(10, one={("a", "ok"): 14, ("b", "ok"): 5}, two={("c", "timeout"): 3})
    grown = increase(before, after)
    assert grown.by(ANSWERS, "outcome") == {"ok": 4, "timeout": 2}
    assert grown.rate(ANSWERS) == pytest.approx(0.6)
    assert grown.rate(ANSWERS, outcome="ok") == pytest.approx(0.4)


def test_a_process_that_began_again_counts_from_nothing():
    before, after = scrape(0, one={("a", "ok"): 100}), scrape(5, one={("a", "ok"): 7})
    assert increase(before, after).total(ANSWERS) == 7


def test_a_new_replica_counts_whole_and_one_that_went_counts_nothing():
    before, after = scrape(0, one={("a", "ok"): 100}), scrape(5, one={("b", "ok"): 3})
    assert increase(before, after).total(ANSWERS) == 3


def test_a_page_that_was_away_says_nothing_of_what_it_missed():
    away = scrape(5, missing=("two",), one={("a", "ok"): 1})
    back = scrape(10, one={("a", "ok"): 2}, two={("b", "ok"): 1_000})
    assert increase(away, back).total(ANSWERS) == 1


def test_spans_add_up_across_a_restart():
    pages = [scrape(at, one={("a", "ok"): v}) for at, v in ((0, 90), (5, 100), (10, 4), (15, 6))]
    whole = together(increase(a, b) for a, b in pairwise(pages))
    assert (whole.seconds, whole.total(ANSWERS)) == (15, 16)
    assert together(()).rate(ANSWERS) == 0


def test_quantiles_lie_within_their_buckets():
    found = Histogram.of({"0.1": 50, "0.2": 90, "0.4": 100, "+Inf": 100})
    assert found.quantile(0.5) == pytest.approx(0.1)
    assert found.quantile(0.95) == pytest.approx(0.3)
    beyond = Histogram(bounds=(1.0, INFINITE), counts=(1.0, 10.0))
    assert beyond.quantile(0.95) == 1.0
    assert Histogram.of({}).quantile(0.5) is None
    assert Histogram.of({"1": 0, "+Inf": 0}).quantile(0.5) is None


PAGE = """\
# HELP ray_naviyam_answers_total Requests by outcome
# TYPE ray_naviyam_answers_total counter
ray_naviyam_answers_total{Component="core_worker",SessionName="s",WorkerId="w1",application="naviyam",outcome="ok",replica="r1",route="chat"} 172.0
ray_naviyam_answer_seconds_bucket{Component="core_worker",WorkerId="w1",le="0.1",replica="r1",route="chat"} 3.0
ray_naviyam_answer_seconds_bucket{Component="core_worker",WorkerId="w1",le="+Inf",replica="r1",route="chat"} 4.0
ray_serve_replica_processing_queries{Component="core_worker",deployment="Ingress",replica="r1"} 5.0
ray_gcs_actors{Component="gcs"} 9.0
"""


def test_a_page_of_ray_is_read_for_what_is_ours():
    page = parse_page(PAGE)
    labels = (("WorkerId", "w1"), ("outcome", "ok"), ("replica", "r1"), ("route", "chat"))
    assert page[ANSWERS, labels] == 172
    assert len(page) == 4
    held = Scrape(at_s=0, pages={"n": page})
    assert held.gauges("serve_replica_processing_queries") == (
        ({"deployment": "Ingress", "replica": "r1"}, 5.0),
    )
    nothing = Scrape(at_s=-5, pages={"n": {}})
    assert increase(nothing, held).histogram("naviyam_answer_seconds", route="chat").count == 4


def test_what_serve_reports_of_the_application():
    ingress = {
        "status": "HEALTHY",
        "message": "",
        "target_num_replicas": 2,
        "replicas": [
            {"replica_id": "a", "state": "RUNNING", "node_id": "n1"},
            {"replica_id": "b", "state": "STARTING", "node_id": "n2"},
        ],
    }
    application = {"status": "RUNNING", "message": "", "deployments": {"Ingress": ingress}}
    found = parse({"applications": {"naviyam": application}})
    assert (found.deployments[0].target, found.deployments[0].nodes) == (2, 2)
    assert found.deployments[0].replicas == {"a": "RUNNING", "b": "STARTING"}
    assert parse({"applications": {}}).status == "NOT_STARTED"
