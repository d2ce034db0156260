"""Where an installation may run on several machines, and what it says where it may not."""

from pathlib import Path

import pytest

from cluster.cli.join import fitting_nodes, leave
from cluster.cli.session import Session
from cluster.placement import ON_HEAD, controller_place, misplaced
from cluster.ray_io import nodes
from cluster.ray_io.runs import RayRuns
from naviyam.errors import ConfigError
from naviyam.settings import Settings
from tests.nodes.conftest import node_row

POSTGRES = {"database": "postgresql+psycopg://u@db/naviyam"}
TWO = ["10.0.0.1", "10.0.0.2", "10.0.0.2"]


def settings(**sections):
    return Settings.parse(sections)


@pytest.mark.parametrize(
    ("sections", "addresses", "named"),
    [
        ({}, ["10.0.0.1"] * 3, None),
        ({}, TWO, "shared_state"),
        ({"jobs": POSTGRES}, TWO, "shared_state"),
        ({"cluster": {"shared_state": True}}, TWO, "jobs.database"),
        ({"cluster": {"shared_state": True}, "jobs": POSTGRES}, TWO, "events.spool"),
        (
            {
                "cluster": {"shared_state": True},
                "jobs": POSTGRES,
                "events": {"spool": "/var/spool/naviyam", "uri": "s3://b/events"},
            },
            TWO,
            None,
        ),
    ],
)
def test_several_machines_need_one_state_and_a_server_database(sections, addresses, named):
    found = misplaced(settings(**sections), addresses)
    assert (found is None) == (named is None)
    if named:
        assert named in found.reason
        assert "2 machines" in found.reason


def test_the_controller_stays_where_its_database_is():
    urls = {"dashboard_url": "http://head:8265", "service_url": "http://svc"}
    control = {"controller_resources": {"control": 0.01}}
    assert controller_place(settings()) == ON_HEAD
    assert controller_place(settings(cluster=urls)) == ON_HEAD
    assert controller_place(settings(jobs=POSTGRES)) == ON_HEAD
    assert controller_place(settings(jobs=POSTGRES, cluster=urls)) == {}
    free = settings(jobs=POSTGRES, cluster=urls | control)
    assert controller_place(free) == {"control": 0.01}
    with pytest.raises(ConfigError, match="SQLite"):
        controller_place(settings(cluster=urls | control))


def test_a_spool_that_nobody_empties_is_refused():
    with pytest.raises(ConfigError, match=r"events\.uri"):
        settings(events={"spool": "/var/spool/naviyam"})


def test_a_url_without_a_scheme_is_refused():
    with pytest.raises(ConfigError, match="http://"):
        settings(cluster={"dashboard_url": "head:8265"})


def test_where_things_are_reached():
    plain = settings(serving={"host": "0.0.0.0", "port": 81, "dashboard_port": 82})
    assert (plain.service_url, plain.dashboard_url) == (
        "http://127.0.0.1:81",
        "http://127.0.0.1:82",
    )
    told = settings(cluster={"dashboard_url": "http://head:8265", "service_url": "https://svc"})
    assert (told.service_url, told.dashboard_url) == ("https://svc", "http://head:8265")


def session_of(tmp_path: Path, dashboard, text=""):
    config = tmp_path / "c.yaml"
    config.write_text(
        f"paths: {{state: {tmp_path / 'state'}}}\n"
        f"cluster: {{address: auto, dashboard_url: '{dashboard.url}'}}\n{text}"
    )
    return Session(config=config)


def test_up_refuses_a_cluster_of_machines_that_share_nothing(tmp_path, dashboard):
    dashboard.nodes(
        node_row("h", head=True),
        node_row("w", address="10.9.9.9"),
        node_row("gone", address="10.9.9.8", state="DEAD"),
    )
    with pytest.raises(ConfigError, match=r"2 machines .*shared_state"):
        fitting_nodes(session_of(tmp_path, dashboard))
    dashboard.nodes(node_row("h", head=True), node_row("w"))
    assert [n.name for n in fitting_nodes(session_of(tmp_path, dashboard))] == ["h", "w"]


def test_a_dashboard_that_is_away_is_named(tmp_path, dashboard):
    session = session_of(tmp_path, dashboard)
    dashboard.close()
    with pytest.raises(nodes.DashboardError, match=r"cluster\.dashboard_url"):
        fitting_nodes(session)


def test_down_leaves_other_teams_applications(tmp_path, dashboard, monkeypatch):
    ran = []
    monkeypatch.setattr(
        "cluster.programs.run_module", lambda module, args, **how: ran.append((module, args))
    )
    others = {"name": "theirs", "import_path": "a:b"}
    dashboard.answers["/api/serve/applications/"] = {
        "applications": {
            "naviyam": {"status": "RUNNING", "deployed_app_config": {"name": "naviyam"}},
            "theirs": {"status": "RUNNING", "deployed_app_config": others},
        }
    }
    assert leave(session_of(tmp_path, dashboard))["stopped"]
    puts = [body for method, _, body in dashboard.asked if method == "PUT"]
    assert [body["applications"] for body in puts] == [[others]]
    assert ran[0][0] == "cluster.ray_io.controller"
    assert "--stop" in ran[0][1]


def test_a_job_goes_where_its_kind_has_its_place(dashboard):
    dashboard.answers["/api/jobs/"] = []
    places = settings(
        jobs={"places": {"lora": {"num_gpus": 1, "resources": {"big": 1}}}}
    ).jobs.places
    runs = RayRuns(address=dashboard.url, places=places)
    for kind in ("lora", "housekeeping"):
        runs.submit(kind, ("true",), root=Path("/"), metadata={"kind": kind}, environ={})
    sent = {body["submission_id"]: body for method, _, body in dashboard.asked if method == "POST"}
    assert sent["lora"]["entrypoint_num_gpus"] == 1
    assert sent["lora"]["entrypoint_resources"] == {"big": 1}
    # With none at all, Ray runs it on the head.
    assert sent["housekeeping"]["entrypoint_num_cpus"] == 0
    assert "entrypoint_num_gpus" not in sent["housekeeping"]
