"""Every command of the documents parses, and is run somewhere or says why not."""

import ast
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.main import get_command

from cluster.cli.main import app, hoist
from tests.docs.pages import COMMANDS, PAGES, ROOT, Command, is_placeholder
from tests.docs.plan import CALLED, PARSED, RUN_HERE, RUN_ON_THE_SERVICE, beginning_of

CLI = get_command(app)
LANGUAGES = {"bash", "json", "python", "yaml", "mermaid"}
A_FILE = str(ROOT / "README.md")


def commands_of(first):
    found = {c.plain: c for c in COMMANDS if not c.is_assignment and c.words[0] == first}
    return [pytest.param(c, id=f"{c.page}: {c.plain[:80]}") for c in found.values()]


def parse(words):
    """Parse a command line of `naviyam` as its entry point does; a placeholder is a file that is there."""
    rest = [A_FILE if is_placeholder(w) or w.startswith(".naviyam/") else w for w in hoist(words)]
    context = CLI.make_context("naviyam", list(rest), resilient_parsing=False)
    at, rest = CLI, [*context._protected_args, *context.args]
    while hasattr(at, "commands"):
        assert rest, f"`{at.name}` alone is no command"
        assert rest[0] in at.commands, f"there is no `{rest[0]}` in {sorted(at.commands)}"
        at, rest = at.commands[rest[0]], rest[1:]
    at.make_context(at.name, list(rest), parent=context)


@pytest.mark.parametrize("command", commands_of("naviyam"))
def test_a_command_of_naviyam_exists_with_its_options(command):
    parse(command.words[1:])


def programs():
    """Return the `python -m` command lines, those that are submitted to Ray with them."""
    for command in COMMANDS:
        words = command.words
        if words[:3] == ["ray", "job", "submit"]:
            words = words[words.index("--") + 1 :]
        if words[:2] == ["python", "-m"]:
            yield command, words[2:]


@pytest.mark.slow
def test_a_program_knows_the_options_it_is_given():
    modules = sorted({words[0] for _, words in programs()})
    assert "training.datasets" in modules

    def help_of(module):
        done = subprocess.run(
            [sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True, cwd=ROOT
        )  # fmt: skip
        return module, done.stdout

    with ThreadPoolExecutor(2) as pool:
        known = dict(pool.map(help_of, modules))
    for command, (module, *words) in programs():
        for option in (w.partition("=")[0] for w in words if w.startswith("--")):
            assert re.search(rf"{option}\b", known[module]), f"{command} has no {option}"


@pytest.mark.parametrize("command", commands_of("make"))
def test_a_target_of_make_exists(command):
    done = subprocess.run(
        ["make", "-n", *command.words[1:]], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_every_command_is_run_or_says_why_not():
    plans = (*RUN_HERE, *CALLED, *RUN_ON_THE_SERVICE, *PARSED)
    left = [str(c) for c in COMMANDS if not c.is_assignment and not beginning_of(c.plain, plans)]
    assert left == []


def test_no_plan_is_for_a_command_that_no_document_has():
    held = [c.plain for c in COMMANDS if not c.is_assignment]
    plans = (*RUN_HERE, *CALLED, *RUN_ON_THE_SERVICE, *PARSED)
    dead = [plan for plan in plans if not any(beginning_of(plain, (plan,)) for plain in held)]
    assert dead == []


def test_every_block_says_its_language_and_parses():
    for page in PAGES:
        for block in page.blocks:
            where = f"{page.name}, block {block.number}: {block.code[:60]}"
            assert block.language in LANGUAGES, where
            if block.language == "json":
                json.loads(block.code)
            if block.language == "python":
                ast.parse(block.code)
            if block.language == "mermaid":
                assert ";" not in block.code, f"{where}: a semicolon ends a statement"
            if block.language == "bash":
                subprocess.run(["bash", "-n"], input=block.code, text=True, check=True)


def test_code_within_a_line_names_commands_that_exist():
    """`naviyam jobs show JOB` in a sentence is a promise too."""
    for page in PAGES:
        for text in re.findall(r"`(naviyam [^`…]+)`", page.prose):
            words = Command(page.name, text).words[1:]
            at, verbs = CLI, [w for w in words if not is_placeholder(w)]
            while hasattr(at, "commands") and verbs and not verbs[0].startswith("-"):
                assert verbs[0] in at.commands, f"{page.name}: {text}"
                at, verbs = at.commands[verbs[0]], verbs[1:]
            own = {o for p in at.params for o in (*p.opts, *p.secondary_opts)}
            known = own | {"--config", "--json", "--help"}
            for word in verbs:
                if word.startswith("--"):
                    assert word in known, f"{page.name}: {text}"
