"""The calls and commands of the documents, run: curl and the openai client on a socket, `naviyam` in a small state of its own."""

import json
import os
import re
import shutil
import subprocess
import sys

import httpx
import pytest

from cluster.access.key_file import load_or_create_admin_key
from cluster.cli.main import run
from deployments.completions.port import EchoCompletions
from naviyam.settings import Settings
from tests.docs.pages import COMMANDS, PAGES, ROOT
from tests.docs.plan import runs_here
from tests.serving.ops_world import World

pytestmark = pytest.mark.slow

SERVICE = "http://localhost:8000"
CALLS = [page for page in PAGES if "\ncurl " in page.text]


@pytest.fixture(scope="module")
def home(tmp_path_factory, state):
    """A folder as the documents mean it: `configs`, and `.naviyam` with the sample's catalogue, index and ranker."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(state, folder / ".naviyam", ignore=shutil.ignore_patterns("*.db*", "secrets"))
    (folder / "configs").symlink_to(ROOT / "configs")
    for name in ("adapters", "models"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="module")
def world(home, service_of):
    """A service on a socket with experiments, jobs, models and an echo for a language model."""

    class Talking(World):
        completions = EchoCompletions()

    (home / "world").mkdir()
    made = Talking(home / "world", home / ".naviyam", service_of)
    yield made
    made.stop()


def environment(**more):
    """No variable of the surroundings decides what a document's command does."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("NAVIYAM") and "proxy" not in k.lower()}  # fmt: skip
    venv = os.path.dirname(sys.executable)
    return {**kept, "PATH": f"{venv}:{kept['PATH']}", "PYTHONPATH": str(ROOT), **more}


@pytest.fixture(scope="module")
def known(world):
    """What stands for the placeholders of the pages."""
    body = {"user_id": "reader", "message": "치킨 먹고 싶어", "context": {"district": "관악구"}}
    answer = httpx.post(f"{world.url}/chat", json=body, trust_env=False).json()
    assert answer["recommendations"], "the documents' example finds a shop in the sample"
    return {
        "SHOP": answer["recommendations"][0]["shop_id"],
        "INTERACTION": answer["interaction_id"],
        "EXPERIMENT": world.experiment("ranker").id,
        "MODEL": "echo",
    }


def with_known(text, known, world):
    text = text.replace(SERVICE.removeprefix("http://"), world.url.removeprefix("http://"))
    for name, value in known.items():
        text = re.sub(rf"\b{name}\b", value, text)
    return text


def script_of(page, home, world):
    """Return the assignments of a page, with the key of this service."""
    secret = home / ".naviyam" / "secrets" / "admin.key"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text(world.key)
    return "\n".join(
        c.text
        for c in COMMANDS
        if c.page == page.name and c.is_assignment and "admin.key" in c.text
    )


def called(text, script, home):
    """Run a call of curl; return its status and body."""
    done = subprocess.run(
        ["bash", "-euc", f"{script}\n{text} -w '\\n%{{http_code}}'"],
        capture_output=True, text=True, check=False, cwd=home, env=environment(), timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stderr}"
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def same_shape(example, found, where, *, whole):
    """Assert that a document's example has the keys of an answer; `whole`: all of them."""
    if isinstance(example, dict) and isinstance(found, dict):
        missing = set(example) - set(found)
        assert not missing, f"{where}: the answer has no {missing}"
        if whole:
            assert not set(found) - set(example), f"{where}: not documented: {set(found) - set(example)}"  # fmt: skip
        if not where.endswith((".filters", ".stages", ".funnels", ".versions")):
            for key, value in example.items():
                same_shape(value, found[key], f"{where}.{key}", whole=False)
    elif isinstance(example, list) and isinstance(found, list):
        if example and found:
            same_shape(example[0], found[0], f"{where}[0]", whole=False)
    elif example is not None and found is not None:
        numbers = isinstance(example, int | float) and isinstance(found, int | float)
        assert numbers or type(example) is type(found), f"{where}: {found!r} is no {type(example)}"


@pytest.mark.parametrize("page", CALLS, ids=lambda p: p.name)
def test_calls_answer_as_the_page_says(page, home, world, known):
    script, asked = script_of(page, home, world), 0
    for block, after in zip(page.blocks, [*page.blocks[1:], None], strict=True):
        if block.language != "bash":
            continue
        calls = [c for c in block.commands if c.words[0] == "curl"]
        for call in calls:
            asked += 1
            status, body = called(with_known(call.text.split(" #")[0], known, world), script, home)
            example = None
            if after is not None and after.language == "json" and call is calls[-1]:
                example = json.loads(after.code)
            expected = example.get("status") if isinstance(example, dict) else None
            if "# 404" in call.text:
                expected = 404
            if isinstance(expected, int):
                assert status == expected, f"{call}: {body}"
            else:
                assert 200 <= status < 300, f"{call}: {status} {body}"
            if example is not None:
                same_shape(example, json.loads(body), str(call), whole=True)
            if "text/event-stream" in call.text:
                events = re.findall(r"^event: (\w+)$", body, re.MULTILINE)
                assert [*dict.fromkeys(events)] == ["understanding", "recommendations", "delta", "done"]  # fmt: skip
    assert asked


def test_the_example_for_the_openai_client_runs(home, world):
    pytest.importorskip("openai")
    (page,) = (p for p in PAGES if p.name == "docs/api.md")
    (block,) = (b for b in page.blocks if b.language == "python")
    done = subprocess.run(
        [sys.executable, "-c", block.code, f"{world.url}/v1", world.key, "echo"],
        capture_output=True, text=True, check=True, cwd=home, env=environment(NO_PROXY="*"), timeout=120,
    )  # fmt: skip
    assert done.stdout == "안녕\n안녕"


def openapi(world):
    return httpx.get(f"{world.url}/openapi.json", trust_env=False).json()


def test_the_page_names_every_route_and_no_other(world):
    (page,) = (p for p in PAGES if p.name == "docs/api.md")
    text = re.sub(r"^### (.*)$", r"`\1`", page.prose, flags=re.MULTILINE)
    verb = r"GET|POST|PUT|DELETE"
    named = set(re.findall(rf"`({verb}) (/[^`\s?]*)`", text))
    paths = openapi(world)["paths"]
    there = {(method.upper(), path) for path, of in paths.items() for method in of}
    assert named == there | {("GET", "/"), ("GET", "/ops")}


def fields_of(schema, parts):
    """Return the names of a body's fields, those of what it holds with them."""
    found = set()
    for name, value in schema.get("properties", {}).items():
        found.add(name)
        for each in (value, *value.get("anyOf", ()), *value.get("allOf", ())):
            if "$ref" in each:
                found |= fields_of(parts[each["$ref"].rsplit("/", 1)[-1]], parts)
    return found


def test_the_page_names_every_field_of_every_body_and_query(world):
    (page,) = (p for p in PAGES if p.name == "docs/api.md")
    document = openapi(world)
    parts = document["components"]["schemas"]
    for path, of in document["paths"].items():
        for method, operation in of.items():
            name = f"{method.upper()} {path}"
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            schema = body.get("schema", {})
            if "$ref" in schema:
                schema = parts[schema["$ref"].rsplit("/", 1)[-1]]
            fields = fields_of(schema, parts)
            fields |= {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
            if path.startswith("/admin"):
                (text,) = re.findall(rf"^\| `{re.escape(name)}` \|.*$", page.text, re.MULTILINE)
            elif fields:
                text = page.section(f"### {name}")
            named = (
                {w.rsplit(".", 1)[-1] for w in re.findall(r"`([\w.]+)`", text)} if fields else set()
            )
            assert not fields - named, f"{name}: docs/api.md does not name {fields - named}"


HERE = [c for c in COMMANDS if not c.is_assignment and runs_here(c.plain)]


def test_commands_run_in_a_small_state(home, monkeypatch, capsys):
    """In the order of the pages, each text once: a key is made before it is revoked."""
    monkeypatch.chdir(home)
    load_or_create_admin_key(Settings.load(home / "configs" / "local.yaml", environ={}))
    for name in [n for n in os.environ if n.startswith("NAVIYAM__")]:
        monkeypatch.delenv(name)
    for command in {c.plain: c for c in HERE}.values():
        first, *arguments = command.words
        if first == "naviyam":
            out = str(home / "out")
            arguments = [out if w.startswith("/etc/") else w for w in arguments]
            with monkeypatch.context() as for_this:
                for key, value in re.findall(r"^(NAVIYAM__\w+)=(\S+) ", command.text):
                    for_this.setenv(key, value)
                code = run(arguments)
            shown = capsys.readouterr()
            assert code == 0, f"{command}: {code}\n{shown.out}\n{shown.err}"
            continue
        done = subprocess.run(
            ["bash", "-euc", command.text], capture_output=True, text=True, check=False,
            cwd=home, env=environment(), timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stderr}"
