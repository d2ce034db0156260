"""The command line without Ray: exit codes, JSON, errors as one line, resumable steps, load on a small real server."""

import asyncio
import json
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster.cli import bootstrap, load, measures, questions
from cluster.cli.client import ServiceClient, ServiceError
from cluster.cli.main import run
from cluster.cli.session import Session
from cluster.ray_io import head, serve
from naviyam.errors import ConfigError, InputError, NotFoundError
from naviyam.settings import Settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAVIYAM__PATHS__STATE", str(tmp_path / "state"))
    monkeypatch.setenv("NAVIYAM__SERVING__PORT", "1")
    return tmp_path


def test_usage_errors_exit_2(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nope"]) == 2
    assert run(["understand"]) == 2
    assert run(["bench", "serve", "--seconds", "soon"]) == 2
    assert "--seconds" in capsys.readouterr().err


def test_failures_exit_1_with_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "retrieval"]) == 1
    shown = capsys.readouterr()
    assert "naviyam bootstrap" in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_with_json_a_failure_is_one_document(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["chat", "--json"]) == 1
    assert "naviyam up" in json.loads(capsys.readouterr().out)["error"]


def test_a_missing_configuration_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version", "--config", "gone.yaml"]) == 1
    assert "gone.yaml" in capsys.readouterr().err


def test_help_exits_0(home: Path) -> None:
    assert run(["--help"]) == 0
    assert run(["data", "import", "--help"]) == 0


def test_status_and_down_of_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"running": False}
    assert run(["down", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stopped"] is False


def test_understand_one_text_and_a_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["understand", "만원으로 치킨 먹을 수 있는 곳 있어?", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["filters"]["budget_max"] == 10_000
    (home / "in.jsonl").write_text(
        '{"text": "치킨 먹고 싶어"}\n\n{"text": "안녕"}\n', encoding="utf-8"
    )
    assert run(["understand", "--file", "in.jsonl", "--out", "out.jsonl"]) == 0
    rows = [
        json.loads(line) for line in (home / "out.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [row["intent"] for row in rows] == ["FOOD_RECOMMENDATION", "GREETING"]


def test_a_bad_line_is_answered_in_its_place(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "in.jsonl").write_text(
        '{"text": "안녕"}\n{"txt": 1}\n[]\n{"text": "치킨", "turns": [3]}\n{"text": "고마워"}\n',
        encoding="utf-8",
    )
    assert run(["understand", "--file", "in.jsonl", "--out", "out.jsonl", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["bad_lines"] == [2, 3, 4]
    rows = [json.loads(line) for line in (home / "out.jsonl").read_text("utf-8").splitlines()]
    assert [row.get("intent", row.get("line")) for row in rows] == ["GREETING", 2, 3, 4, "THANKS"]


def test_a_line_with_turns_is_understood_in_its_conversation(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = [
        {"name": "바삭치킨", "category": "치킨", "menus": [{"name": "반 마리", "price_won": 9000}]},
        {"name": "동네통닭", "menus": [{"name": "치킨마요", "price_won": 6500}]},
    ]
    turns = [{"text": "급식카드 되는 치킨집 추천해줘", "shown": shown}]
    lines = [{"text": text, "turns": turns} for text in ("더 싼 데는?", "동네통닭 갈래")]
    (home / "in.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert run(["understand", "--file", "in.jsonl", "--out", "out.jsonl"]) == 0
    cheaper, chosen = map(json.loads, (home / "out.jsonl").read_text("utf-8").splitlines())
    assert cheaper["filters"] == {
        "category": "치킨",
        "budget_max": 6400,
        "payment_method": "meal_card",
        "sort": "cheapest",
    }
    assert (chosen["intent"], chosen["selection"]) == ("SELECT", 2)


@pytest.mark.slow
def test_a_sample_workbook_is_written_read_and_described(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["data", "generate", "--out", "a.xlsx", "--json"]) == 0
    assert run(["data", "generate", "--out", "a.xlsx"]) == 1
    assert "--force" in capsys.readouterr().err
    assert run(["data", "import", "a.xlsx", "--json"]) == 0
    imported = json.loads(capsys.readouterr().out)
    assert imported["kept"]["shop"] > 0
    assert run(["data", "report", "--json", "--out", "r.md"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["version"] == imported["version"]
    assert report["shops"] == imported["kept"]["shop"]
    assert "shop: meal card known" in (home / "r.md").read_text(encoding="utf-8")


def test_import_refuses_a_mixture(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.xlsx", "b.csv"):
        (home / name).write_bytes(b"")
    assert run(["data", "import", "a.xlsx", "b.csv"]) == 1
    assert "not both" in capsys.readouterr().err


def test_a_step_is_done_again_only_when_its_inputs_change(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []
    inputs = {"a": "1", "b": "1", "beside": "1"}

    def step(name: str) -> bootstrap.Step:
        def do() -> dict[str, Any]:
            runs.append(name)
            if inputs[name] == "broken":
                raise ConfigError("no")
            return {"version": inputs[name]}

        return bootstrap.Step(
            name=name,
            inputs=lambda: inputs[name],
            run=do,
            there=lambda _: True,
            beside=name == "beside",
        )

    steps = (step("a"), step("b"), step("beside"))
    monkeypatch.setattr(bootstrap, "steps", lambda *_, **__: steps)
    session = Session(config=Path("configs/local.yaml"))

    def go(*, force: bool = False) -> list[str]:
        runs.clear()
        bootstrap.run_steps(session, shops=None, workbook=None, force=force)
        return sorted(runs)

    assert go() == ["a", "b", "beside"]
    assert go() == []
    inputs["b"] = "broken"
    with pytest.raises(ConfigError):
        go()
    inputs["b"] = "2"
    assert go() == ["b"]
    inputs["beside"] = "broken"
    with pytest.raises(ConfigError):
        go()
    inputs["beside"] = "2"
    assert go() == ["beside"]
    assert go(force=True) == ["a", "b", "beside"]


def test_one_source_at_a_time(home: Path) -> None:
    session = Session(config=Path("configs/local.yaml"))
    with pytest.raises(ConfigError, match="is not a file"):
        bootstrap.run_steps(session, shops=Path("gone.csv"), workbook=None)
    with pytest.raises(ConfigError, match="give one of"):
        bootstrap.run_steps(session, shops=Path("gone.csv"), workbook=None, sample=True)


def test_questions_are_the_same_for_the_same_seed_and_as_many_as_asked_for() -> None:
    talks = list(questions.conversations(random.Random(3), count=200))
    assert talks == list(questions.conversations(random.Random(3), count=200))
    assert sum(len(t) for t in talks) == 200
    assert len({q.text for t in talks for q in t}) > 100


def test_a_refusal_with_retry_after_is_not_an_error() -> None:
    samples = [
        measures.Sample(seconds=0.1, status=200, shops=3, written_by="llm"),
        measures.Sample(
            seconds=0.3, status=200, shops=1, written_by="template", degraded_reason="late"
        ),
        measures.Sample(seconds=0.0, status=503, retry_after=True),
        measures.Sample(seconds=0.0, status=503),
        measures.Sample(seconds=9.0, status=0, problem="ReadTimeout"),
    ]
    found = measures.figures(samples, 2.0)
    assert (found.ok, found.refused, found.errors) == (2, 1, 2)
    assert found.written_by_llm == 0.5
    assert found.seconds["p95"] == 0.3
    assert found.problems == {"503": 1, "ReadTimeout": 1}


def test_the_declaration_names_the_workload_by_string() -> None:
    goal = serve.declaration(Settings(), Path("/x/local.yaml"))
    (application,) = goal["applications"]
    assert application["import_path"] == "deployments.app:build_app"
    assert application["args"] == {"config": "/x/local.yaml"}


def test_a_failed_deployment_tells_its_own_words() -> None:
    report = {
        "status": "DEPLOY_FAILED",
        "message": "failed",
        "deployments": {
            "LLM": {"status": "DEPLOY_FAILED", "message": "no weights", "replicas": []},
            "Ingress": {
                "status": "UPDATING",
                "message": "",
                "replicas": [{"state": "STARTING"}] * 2,
            },
        },
    }
    application = serve.parse_application(report)
    assert application.trouble() == "LLM (DEPLOY_FAILED): no weights\nfailed"
    assert application.deployments[0].replicas == {"STARTING": 2}


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path, server: str) -> None:
    port = int(server.rsplit(":", 1)[1])
    settings = Settings.parse({"paths": {"state": str(tmp_path)}, "serving": {"port": port}})
    with pytest.raises(head.ConflictError, match=str(port)):
        head.start_head(settings, {})
    assert head.find_head(settings) is None


def test_a_head_whose_processes_are_gone_is_not_found(tmp_path: Path) -> None:
    settings = Settings.parse({"paths": {"state": str(tmp_path)}})
    record = {
        "pid": 1,
        "mark": "feedfacefeedface",
        "gcs": "",
        "dashboard_port": 1,
        "serving_port": 1,
    }
    (tmp_path / "ray-head.json").write_text(json.dumps(record | {"temp_dir": "", "log": ""}))
    assert head.find_head(settings) is None


def test_the_client_explains_what_went_wrong(server: str) -> None:
    with ServiceClient(server) as client:
        assert client.ask({"message": "치킨"}).body["response"] == "좋아요."
        with pytest.raises(NotFoundError, match="no such shop"):
            client.call("GET", "/shops/none")
        with pytest.raises(InputError, match="message"):
            client.ask({"message": ""})
        with pytest.raises(ServiceError, match="try again in 2 s"):
            client.ask({"message": "busy"})
        with pytest.raises(ServiceError, match="too late"):
            client.ask({"message": "late"})


def test_load_counts_what_a_server_answers(server: str) -> None:
    samples, wall_s = asyncio.run(
        load.load(server, load.ask_chat, clients=3, seconds=0.5, context={}, seed=1)
    )
    found = measures.figures(samples, wall_s)
    assert found.requests == found.ok >= 3
    assert found.written_by_llm == 1.0
    assert found.parts["first_sentence_s"]["p50"] > 0


@pytest.fixture
def server() -> Iterator[str]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), SmallService)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


class SmallService(BaseHTTPRequestHandler):
    """Speaks the service's HTTP over a socket, with fixed words."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._problem(404, "no such shop")

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))["message"]
        if message == "":
            self._problem(422, "message is empty")
        elif message == "busy":
            self._problem(503, "too many")
        elif message == "late":
            self._events([("error", {"code": "late", "detail": "too late"})])
        else:
            done = {
                "response": "좋아요.",
                "recommendations": [{"name": "가게"}],
                "metadata": {"written_by": "llm", "degraded_reason": None},
            }
            self._events([("recommendations", {}), ("delta", {"text": "좋아요."}), ("done", done)])

    def _events(self, events: list[tuple[str, Any]]) -> None:
        text = "".join(
            f"event: {n}\ndata: {json.dumps(d, ensure_ascii=False)}\n\n" for n, d in events
        )
        self._send(200, "text/event-stream", text)

    def _problem(self, status: int, detail: str) -> None:
        body = json.dumps({"code": "x", "detail": detail}, ensure_ascii=False)
        self._send(status, "application/problem+json", body)

    def _send(self, status: int, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.send_header("retry-after", "2")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        return
