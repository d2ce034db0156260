"""Asks many questions and checks each answer from outside (`naviyam.evaluation.language`)."""

import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from cluster.cli.client import Answer, ServiceClient
from cluster.cli.measures import spread
from cluster.cli.questions import Question, conversations
from cluster.cli.session import Session
from naviyam.catalog.store import Catalog
from naviyam.errors import NaviyamError
from naviyam.evaluation.language import Asked, Finding, Known, check_answer, on_topic
from naviyam.versions import current


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One question, its answer (empty where there was none) and what is wrong with it."""

    question: Question
    answer: Answer = field(default_factory=Answer)
    findings: tuple[Finding, ...] = ()
    error: str = ""

    @property
    def shops(self) -> list[dict[str, Any]]:
        """What was shown."""
        return list(self.answer.body.get("recommendations", ()))

    @property
    def written_by(self) -> str:
        """Who wrote it: llm, template or mixed."""
        return str(self.answer.body.get("metadata", {}).get("written_by", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuizResult:
    """All questions with their answers."""

    checked: tuple[Checked, ...]

    @property
    def findings(self) -> list[tuple[Question, Finding]]:
        """Everything that is wrong."""
        return [(c.question, f) for c in self.checked for f in c.findings]

    @property
    def errors(self) -> list[str]:
        """Why answers did not come."""
        return [f"{c.question.text}: {c.error}" for c in self.checked if c.error]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures and every finding."""
        answered = [c for c in self.checked if not c.error]
        with_shops = [c for c in answered if c.shops]
        metadata = [c.answer.body.get("metadata", {}) for c in answered]
        missed = [c for c in answered if c.question.wants_shops and not c.shops]
        topical = [c for c in with_shops if c.question.words]
        shown = [(c, s) for c in topical for s in c.shops]
        return {
            "questions": len(self.checked),
            "errors": self.errors,
            "findings": dict(Counter(f.kind for _, f in self.findings)),
            "details": [
                {"question": q.text, "kind": f.kind, "detail": f.detail} for q, f in self.findings
            ],
            "with_shops": len(with_shops),
            "without_shops_though_wanted": len(missed),
            "llm_share_with_shops": _share([c.written_by == "llm" for c in with_shops]),
            "llm_share_all": _share([c.written_by == "llm" for c in answered]),
            "written_by": dict(Counter(c.written_by for c in answered)),
            "degraded": dict(
                Counter(m["degraded_reason"] for m in metadata if m.get("degraded_reason"))
            ),
            "rejected": dict(Counter(str(r) for m in metadata for r in m.get("rejected", ()))),
            "relaxed": dict(Counter(r for m in metadata for r in m.get("relaxed", ()))),
            "on_topic_share": _share([on_topic(c.question.words, s) for c, s in shown]),
            "distinct_openings": len({c.answer.body["response"][:12] for c in with_shops}),
            "answer_s": spread(c.answer.total_s for c in with_shops),
            "recommendations_s": spread(c.answer.recommendations_s for c in with_shops),
            "first_sentence_s": spread(c.answer.first_sentence_s for c in with_shops),
        }

    def rows(self) -> list[tuple[str, object]]:
        """Return the figures as rows."""
        rows: list[tuple[str, object]] = []
        for key, value in self.to_dict().items():
            match value:
                case list() if key == "details":
                    continue
                case list():
                    rows.append((key, len(value)))
                case dict():
                    rows += [(f"{key}: {k}", v) for k, v in value.items()] or [(key, 0)]
                case _:
                    rows.append((key, value))
        return rows

    def finding_rows(self, limit: int) -> list[tuple[str, str, str]]:
        """Return the first findings and errors."""
        rows = [(f.kind, q.text, f.detail) for q, f in self.findings]
        return (rows + [("error", "", e) for e in self.errors])[:limit]

    def example_rows(self, limit: int) -> list[tuple[str, str, str]]:
        """Return some answers, spread over all."""
        answered = [c for c in self.checked if not c.error]
        step = max(1, len(answered) // max(1, limit))
        return [
            (c.question.text, c.written_by, c.answer.body["response"])
            for c in answered[::step][:limit]
        ]


def run_quiz(
    session: Session, context: dict[str, Any], *, count: int, at_once: int, seed: int
) -> QuizResult:
    """Ask `count` questions, `at_once` conversations at a time, and check each answer."""
    catalog = Catalog.load(current(session.settings.paths.catalog))
    limit_won = session.settings.meal_card.limit_won(context.get("municipality"))
    talks = list(conversations(random.Random(seed), count=count))
    with ServiceClient(session.base_url, credentials=session.credentials) as client:
        client.call("GET", "/readyz")

    def talk(numbered: tuple[int, Sequence[Question]]) -> list[Checked]:
        number, turns = numbered
        user = f"quiz_{seed}_{number}"
        with ServiceClient(session.base_url, credentials=session.credentials) as client:
            done = _talk(client, turns, user, context, names=catalog.names, limit_won=limit_won)
        if number % 10 == 9:
            session.say(f"{number + 1} of {len(talks)} conversations")
        return done

    with ThreadPoolExecutor(max_workers=at_once) as pool:
        parts = list(pool.map(talk, enumerate(talks)))
    return QuizResult(checked=tuple(c for part in parts for c in part))


def _talk(
    client: ServiceClient,
    turns: Sequence[Question],
    user: str,
    context: dict[str, Any],
    *,
    names: Sequence[str],
    limit_won: int,
) -> list[Checked]:
    """Hold one conversation; each answer is checked with what was shown before it."""
    done: list[Checked] = []
    earlier: list[dict[str, Any]] = []
    session_id = None
    for question in turns:
        body: dict[str, Any] = {"user_id": user, "message": question.text, "context": context}
        if session_id:
            body["session_id"] = session_id
        try:
            answer = client.ask(body)
            session_id = answer.body["session_id"]
            shown = answer.body["recommendations"]
            pages = {
                s["shop_id"]: client.call("GET", f"/shops/{s['shop_id']}")
                for s in [*earlier, *shown]
            }
        except NaviyamError as error:
            done.append(Checked(question=question, error=str(error)))
            continue
        asked = Asked(
            message=question.text,
            budget_won=question.budget_won,
            open_now=question.open_now,
            card=question.card,
            earlier=tuple(earlier),
        )
        known = Known(shops=pages, names=names, limit_won=limit_won)
        found = check_answer(asked, answer.body, known)
        done.append(Checked(question=question, answer=answer, findings=found))
        earlier += shown
    return done


def _share(hits: list[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None
