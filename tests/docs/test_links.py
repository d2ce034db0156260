"""Links, anchors, routes, fields, alerts and settings that the documents name are there."""

import re
from pathlib import PurePosixPath

import pytest
import yaml

from cluster.monitoring.alerts import RULES
from naviyam.request import Intent
from naviyam.settings import Settings
from tests.docs.pages import PAGES, ROOT, Page, anchor_of

BY_NAME = {page.name: page for page in PAGES}
OPERATIONS = BY_NAME["docs/operations.md"]
RULE_FILES = sorted((ROOT / "deploy").rglob("*.y*ml"))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files_and_anchors(page):
    for link in page.links:
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        folder = (ROOT / page.name).parent
        target = (folder / path).resolve() if path else ROOT / page.name
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            name = str(PurePosixPath(target.relative_to(ROOT)))
            held = BY_NAME.get(name, Page(name))
            assert anchor in held.anchors, f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_anchors_are_unique(page):
    assert len(page.anchors) == len(set(page.anchors))


def alert_rules():
    for file in RULE_FILES:
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if not isinstance(document, dict):
                continue
            groups = document.get("groups") or document.get("spec", {}).get("groups") or ()
            for group in groups:
                yield from (rule for rule in group.get("rules", ()) if "alert" in rule)


def test_every_alert_has_its_place_in_the_runbook_and_no_other_is_there():
    rules = {rule["alert"]: rule for rule in alert_rules()}
    assert rules
    headings = set(re.findall(r"^### (Naviyam\w+)$", OPERATIONS.text, re.MULTILINE))
    assert headings == set(rules)
    for name, rule in rules.items():
        runbook = rule["annotations"]["runbook"]
        assert runbook == f"docs/operations.md#{anchor_of(name)}"
        assert f"`{rule['labels']['severity']}`" in OPERATIONS.section(f"### {name}")


def test_every_rule_of_monitoring_has_its_place_in_the_runbook():
    for rule in RULES:
        text = OPERATIONS.section(f"#### {rule.name}")
        assert "First look:" in text
        assert "Action:" in text


def test_every_alert_says_what_to_look_at_and_do():
    for name in re.findall(r"^### (Naviyam\w+)$", OPERATIONS.text, re.MULTILINE):
        text = OPERATIONS.section(f"### {name}")
        assert "- First look: " in text, name
        assert "- Action: " in text, name


def test_what_the_runbook_calls_the_pages_sections_and_buttons_stands_there():
    web = ROOT / "deployments" / "web"
    page = "".join(path.read_text(encoding="utf-8") for path in web.glob("ops*"))
    steps = re.findall(r"([가-힣]+) → ([가-힣]+(?: [가-힣]+)?)", OPERATIONS.prose)
    assert steps
    for section, button in steps:
        assert f">{section} " in page, section
        assert f'"{button}"' in page, button


def test_every_intent_is_named():
    section = BY_NAME["docs/api.md"].section("### POST /chat")
    assert not [intent.value for intent in Intent if intent.value not in section]


def settings_keys(model=Settings, prefix=""):
    for name, field in model.model_fields.items():
        yield prefix + name
        inner = field.annotation
        if isinstance(inner, type) and hasattr(inner, "model_fields"):
            yield from settings_keys(inner, f"{prefix}{name}.")


def test_settings_that_are_named_exist():
    keys = set(settings_keys())
    sections = {key for key in keys if "." not in key}
    pattern = re.compile(r"`((?:{})\.[a-z0-9_.*]+)".format("|".join(sorted(sections))))
    for page in PAGES:
        for named in pattern.findall(page.prose):
            known = any(re.fullmatch(named.replace(".", r"\.").replace("*", ".*"), k) for k in keys)
            known = known or named.endswith((".yaml", ".md"))
            assert known, f"{page.name}: no setting {named}"


def test_modules_and_files_that_are_named_exist():
    folders = "naviyam|cluster|deployments|training|tests|configs|deploy|scripts|requirements|adapters|models"
    pattern = re.compile(rf"`((?:{folders})/[\w./-]*)`")
    for page in PAGES:
        for named in pattern.findall(page.prose):
            assert (ROOT / named).exists() or page.name == "deploy/README.md", (
                f"{page.name}: {named}"
            )
