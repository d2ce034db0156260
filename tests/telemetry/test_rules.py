"""The files for Prometheus and Grafana: made from the settings, only of names that exist, checked and fired by promtool."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cluster.cli.main import app
from cluster.telemetry.alert_rules import alert_document, alert_rules
from cluster.telemetry.catalogue import ALL
from cluster.telemetry.dashboards import dashboards
from cluster.telemetry.files import files
from cluster.telemetry.grafana import document
from cluster.telemetry.reference import markdown, rows
from cluster.telemetry.rules.recorded import RECORDINGS
from naviyam.settings import Settings

ROOT = Path(__file__).parents[2]
DEFAULTS = Settings.parse({})
RAY = frozenset((Path(__file__).parent / "ray_names.txt").read_text().split())
"""What a node of Ray 2.60 exports under this application, as one was seen to; tests/serving/test_graph.py looks again."""

_NAME = re.compile(r"(?<![\w:$\"])(?:ray_\w+|naviyam:[\w:]+|up)\b(?!\")")


def expressions():
    found = [(r.record, r.expr) for r in RECORDINGS]
    found += [(rule.alert, rule.expr) for rule in alert_rules(DEFAULTS)]
    for board in dashboards(DEFAULTS):
        found += [(f"{board.uid}: {p.title}", q.expr) for p in board.panels for q in p.queries]
    return found


def test_every_file_in_the_repository_is_what_the_code_makes():
    made = {f"deploy/{name}": text for name, text in files(DEFAULTS).items()}
    made["docs/metrics.md"] = markdown()
    stale = [n for n, text in made.items() if (ROOT / n).read_text(encoding="utf-8") != text]
    assert stale == [], "run `naviyam metrics write` and `naviyam metrics list --markdown`"


def test_every_name_exists():
    known = {name for i in ALL for name in i.exported} | RAY | {r.record for r in RECORDINGS}
    known.add("up")
    used = {(where, name) for where, expr in expressions() for name in _NAME.findall(expr)}
    assert len(used) > 80
    assert sorted(pair for pair in used if pair[1] not in known) == []


def test_every_metric_of_ours_is_looked_at_somewhere():
    text = " ".join(expr for _, expr in expressions())
    unseen = {i.name for i in ALL if i.name not in text}
    assert unseen == {"naviyam_controller_acts", "naviyam_http_seconds", "naviyam_jobs_limit",
                      "naviyam_part_timestamp_seconds", "naviyam_version_info"}  # fmt: skip


def test_metrics_are_documented_and_name_nobody():
    assert len({i.name for i in ALL}) == len(ALL)
    labels = {name for i in ALL for name in i.labels}
    assert not labels & {"user", "user_id", "session", "session_id", "interaction_id", "shop_id", "text", "message", "request_id", "path", "url"}  # fmt: skip
    assert not labels & {"application", "deployment", "replica"}, "Serve adds these itself"
    for i in ALL:
        assert re.fullmatch(r"naviyam_[a-z_]+", i.name)
        assert not i.name.endswith(("_total", "_bucket", "_sum", "_count"))
        assert i.meaning
        assert i.unit
        assert bool(i.bounds) == (i.kind == "histogram")
        assert (i.unit == "seconds") <= i.name.endswith("_seconds")


def test_limits_are_those_of_the_settings():
    other = Settings.parse(
        {
            "monitoring": {"max_error_rate": 0.03},
            "telemetry": {"answer_p50_s": 2.5, "answer_p95_s": 4.5},
            "rollout": {"max_error_rate": 0.07},
            "jobs": {"max_queued": 20},
            "llm": {"enabled": False},
        }
    )
    rules = {rule.alert: rule.expr for rule in alert_rules(other)}
    assert "> 0.03" in rules["NaviyamErrorRate"]
    assert rules["NaviyamSlowMedian"].endswith("> 2.5")
    assert rules["NaviyamSlow"].endswith("> 4.5")
    assert rules["NaviyamArmErrors"].endswith("> 0.07")
    assert rules["NaviyamQueueFull"].endswith(">= 16")
    assert "NaviyamLanguageModelDown" not in rules


def test_every_alert_tells_an_operator_what_it_is():
    for group in alert_document(DEFAULTS)["groups"]:
        for rule in group["rules"]:
            told = rule["annotations"]
            assert re.search("[가-힣]", told["summary"])
            assert re.search("[가-힣]", told["description"])
            assert told["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
            assert rule["labels"]["severity"] in ("page", "ticket")


def test_dashboards_are_whole():
    boards = [document(board) for board in dashboards(DEFAULTS)]
    assert len({b["uid"] for b in boards}) == 4
    for board in boards:
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
        taken = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            assert 0 < at["w"] <= 24 - at["x"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
            assert not cells & taken, panel["title"]
            taken |= cells
            refs = [target["refId"] for target in panel.get("targets", ())]
            assert len(refs) == len(set(refs))


def test_the_command_prints_the_reference_and_writes_the_files(tmp_path):
    run = CliRunner()
    listed = json.loads(run.invoke(app, ["--json", "metrics", "list"]).stdout)["metrics"]
    assert listed == rows()
    assert len(listed) == len(ALL)
    assert run.invoke(app, ["metrics", "list", "--markdown"]).stdout == markdown()
    arguments = ["--json", "metrics", "write", "--to", str(tmp_path), "--discovery", "/x/sd.json"]
    written = json.loads(run.invoke(app, arguments).stdout)["written"]
    assert len(written) == 10
    _, rule = yaml.safe_load_all((tmp_path / "prometheus" / "operator.yaml").read_text())
    assert rule["spec"]["groups"][1:] == alert_document(DEFAULTS)["groups"]
    config = yaml.safe_load((tmp_path / "prometheus" / "prometheus.yml").read_text())
    assert config["scrape_configs"][0]["file_sd_configs"] == [{"files": ["/x/sd.json"]}]


@pytest.fixture
def promtool():
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("no promtool; `make debian` installs it where it may")

    def run(*arguments):
        done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_promtool_takes_the_configuration_and_every_expression(promtool, tmp_path):
    promtool("check", "config", ROOT / "deploy" / "prometheus" / "prometheus.yml")
    rules = [
        {"record": f"panel:{i}", "expr": expr.replace("$__rate_interval", "5m")}
        for i, (_, expr) in enumerate(expressions())
    ]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", path)


ANSWERS = 'ray_naviyam_answers_total{route="chat",population="real",outcome="%s"}'
SECONDS = 'ray_naviyam_answer_seconds_bucket{route="chat",le="%s"}'
FAILED_WRITES = 'ray_naviyam_event_failures_total{kind="feedback"}'
COMMITS = 'ray_naviyam_event_commit_seconds_bucket{kind="feedback",le="%s"}'
WRITTEN = 'ray_naviyam_llm_requests_total{outcome="%s"}'
HEALTHY = 'ray_serve_deployment_replica_healthy{deployment="%s",replica="%s"}'
BEAT = "ray_naviyam_controller_beat_timestamp_seconds"
LIVING = {HEALTHY % ("Ingress", "a"): "1x40", HEALTHY % ("LLM", "a"): "1x40", BEAT: "0+60x40"}
"""What is there in peace, a value each minute."""

ROUTE = {"route": "chat"}
CASES = (
    ("NaviyamDown", {HEALTHY % ("Ingress", "a"): "0x40"}, [{}]),
    ("NaviyamErrorRate", {ANSWERS % "ok": "0+90x40", ANSWERS % "timeout": "0+10x40"}, [ROUTE]),
    ("NaviyamErrorRate", {ANSWERS % "ok": "0+97x40", ANSWERS % "timeout": "0+3x40"}, []),
    ("NaviyamErrorRate", {ANSWERS % "ok": "0+1x40", ANSWERS % "timeout": "0+1x40"}, []),
    ("NaviyamSlowMedian", {SECONDS % "1.2": "0+40x40", SECONDS % "2": "0+100x40", SECONDS % "+Inf": "0+100x40"}, [ROUTE]),
    ("NaviyamSlowMedian", {SECONDS % "1.2": "0+60x40", SECONDS % "+Inf": "0+100x40"}, []),
    ("NaviyamSlow", {SECONDS % "3": "0+90x40", SECONDS % "5": "0+100x40", SECONDS % "+Inf": "0+100x40"}, [ROUTE]),
    ("NaviyamSlow", {SECONDS % "3": "0+99x40", SECONDS % "+Inf": "0+100x40"}, []),
    ("NaviyamRefusing", {'ray_naviyam_refused_total{gate="chats"}': "0+60x40"}, [{}]),
    ("NaviyamRefusing", {'ray_naviyam_refused_total{gate="chats"}': "5x40"}, []),
    ("NaviyamDegraded", {ANSWERS % "ok": "0+60x40", ANSWERS % "degraded": "0+40x40"}, [{}]),
    ("NaviyamDegraded", {ANSWERS % "ok": "0+90x40", ANSWERS % "degraded": "0+10x40"}, []),
    ("NaviyamEventLogFailing", {FAILED_WRITES: "0x31 1x9"}, [{"kind": "feedback"}]),
    ("NaviyamEventLogFailing", {FAILED_WRITES: "_x31 1x9"}, [{"kind": "feedback"}]),
    ("NaviyamEventLogFailing", {FAILED_WRITES: "3x40"}, []),
    ("NaviyamEventLogSlow", {COMMITS % le: f"0+{n}x40" for le, n in (("0.3", 50), ("1.0", 100), ("+Inf", 100))}, [{"kind": "feedback"}]),
    ("NaviyamLanguageModelDown", {HEALTHY % ("LLM", "a"): "0x40"}, [{}]),
    ("NaviyamLanguageModelFailing", {WRITTEN % o: f"0+{n}x40" for o, n in (("ok", 80), ("failed", 20))}, [{}]),
    ("NaviyamLanguageModelFailing", {WRITTEN % o: f"0+{n}x40" for o, n in (("ok", 80), ("gone", 20))}, []),
    ("NaviyamLanguageModelQueue", {"ray_naviyam_llm_waiting": "40x40", "ray_naviyam_llm_places": "32x40"}, [{}]),
    ("NaviyamControllerSilent", {BEAT: "0+60x20 1200x20"}, [{}]),
    ("NaviyamPartFailing", {'ray_naviyam_part_errors_in_row{part="jobs"}': "5x40"}, [{"part": "jobs"}]),
    ("NaviyamPartFailing", {'ray_naviyam_part_errors_in_row{part="jobs"}': "0 1 0 1x37"}, []),
    ("NaviyamJobsFailing", {'ray_naviyam_jobs_ended_day{kind="lora",state="failed"}': "3x40"}, [{"kind": "lora"}]),
    ("NaviyamQueueFull", {'ray_naviyam_jobs{state="queued"}': "45x40"}, [{}]),
    ("NaviyamJobsStarved", {"ray_naviyam_job_wait_seconds": "30000x40"}, [{}]),
    ("NaviyamScheduleLate", {'ray_naviyam_schedule_late_seconds{kind="learn"}': "1000x40"}, [{"kind": "learn"}]),
    ("NaviyamTrafficBehind", {"ray_naviyam_traffic_wanted_revision": "7x40", 'ray_naviyam_traffic_revision{replica="a"}': "7x40", 'ray_naviyam_traffic_revision{replica="b"}': "6x40"}, [{}]),
    ("NaviyamTrafficBehind", {"ray_naviyam_traffic_wanted_revision": "6x10 7x30", 'ray_naviyam_traffic_revision{replica="a"}': "6x10 7x30"}, []),
    ("NaviyamArmErrors", {'ray_naviyam_arm_errors_total{layer="ranker"}': "0+10x40", 'ray_naviyam_arm_answers_total{layer="ranker",arm="candidate"}': "0+100x40"}, [{"layer": "ranker"}]),
    ("NaviyamMonitorAlert", {'ray_naviyam_alerts_open{rule="satisfaction",population="real",level="warn"}': "1x40"}, [{"rule": "satisfaction", "population": "real", "level": "warn"}]),
    ("NaviyamMonitorAlert", {'ray_naviyam_alerts_open{rule="satisfaction",population="real",level="warn"}': "1x10 0x30"}, []),
    ("NaviyamCompactionBehind", {'ray_naviyam_event_oldest_segment_seconds{kind="feedback"}': "200000x40"}, [{"kind": "feedback"}]),
    ("NaviyamReplicaUnhealthy", {HEALTHY % ("Ranker", "a"): "0x40", HEALTHY % ("Ranker", "b"): "1x40"}, [{"deployment": "Ranker"}]),
    ("NaviyamScrapeMissing", {'up{job="ray",instance="n1"}': "0x40"}, [{"job": "ray", "instance": "n1"}]),
    ("NaviyamDiskFull", {'ray_node_disk_free{ip="n1"}': "5x40", 'ray_node_disk_usage{ip="n1"}': "95x40"}, [{"ip": "n1"}]),
    ("NaviyamMemoryFull", {'ray_node_mem_used{ip="n1"}': "97x40", 'ray_node_mem_total{ip="n1"}': "100x40"}, [{"ip": "n1"}]),
)  # fmt: skip


def unit_test(alert, series, labels, severity):
    given = {**LIVING, **series}
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in given.items()],
        "alert_rule_test": [
            {
                "alertname": alert,
                "eval_time": "35m",
                "exp_alerts": [{"exp_labels": {"severity": severity, **x}} for x in labels],
            }
        ],
    }


@pytest.mark.slow
def test_every_alert_fires_and_is_silent_when_it_should_be(promtool, tmp_path):
    rules = alert_document(DEFAULTS)
    severity = {r["alert"]: r["labels"]["severity"] for r in rules["groups"][0]["rules"]}
    assert {alert for alert, _, labels in CASES if labels} == set(severity), "a case for each"
    for rule in rules["groups"][0]["rules"]:
        del rule["annotations"]  # `check rules` reads them; here only who fires counts
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(rules))
    made = files(DEFAULTS)
    (tmp_path / "rules.yml").write_text(made["prometheus/rules.yml"])
    tests = [unit_test(a, series, labels, severity[a]) for a, series, labels in CASES]
    peace = [unit_test(alert, {}, [], severity[alert]) for alert in severity]
    tests.append(peace[0] | {"alert_rule_test": [t for p in peace for t in p["alert_rule_test"]]})
    document = {
        "rule_files": ["rules.yml", "alerts.yml"],
        "evaluation_interval": "1m",
        "tests": tests,
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(document))
    promtool("test", "rules", tmp_path / "tests.yml")


@pytest.mark.slow
def test_an_operator_reads_korean_with_figures(promtool, tmp_path):
    for name in ("rules", "alerts"):
        (tmp_path / f"{name}.yml").write_text(files(DEFAULTS)[f"prometheus/{name}.yml"])
    one = unit_test("NaviyamErrorRate", CASES[1][1], [ROUTE], "page")
    one["alert_rule_test"][0]["exp_alerts"][0]["exp_annotations"] = {
        "summary": "답을 받지 못한 요청이 10%예요",
        "description": "chat 요청의 실패율이 기준 5%를 넘었어요. "
        "진행 중인 실험은 자동으로 되돌려요. 서비스 상태부터 확인하세요.",
        "runbook": "docs/operations.md#naviyamerrorrate",
    }
    document = {
        "rule_files": ["rules.yml", "alerts.yml"],
        "evaluation_interval": "1m",
        "tests": [one],
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(document))
    promtool("test", "rules", tmp_path / "tests.yml")
