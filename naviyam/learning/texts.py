"""Samples of the language model's roles out of logged answers and owners' messages. Pure; one reason per refusal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from naviyam.catalog.store import Catalog
from naviyam.conversation import Turns
from naviyam.errors import InputError
from naviyam.evaluation.korean import impolite, korean_share
from naviyam.learning.personal import looks_personal
from naviyam.learning.quality import judge_answer
from naviyam.learning.rebuild import write_request
from naviyam.nlg.prompt import END, build_prompt
from naviyam.nlu import llm as nlu
from naviyam.recommendation import Recommendation
from naviyam.request import Filters, Intent
from naviyam.safety.screen import screen_output
from naviyam.settings import Learning
from naviyam.text.easy import STIGMA_WORDS, friendly
from naviyam.text.personal import mask

MAX_EMOJI = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSample:
    """One prompt and what is to follow it. `source` is the answer it is from, or the shop and its message."""

    prompt: str
    completion: str
    source: str
    time: datetime
    simulated: bool
    written_by: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why something is no sample."""

    reason: str


def nlg_sample(
    record: Mapping[str, Any], catalog: Catalog, options: Learning
) -> TextSample | Refused:
    """Return the answer as a model is to write it: sentences over slots, the facts open."""
    question = str(record.get("input") or "")
    if looks_personal(question):
        return Refused("personal_data")
    try:
        request = write_request(record, catalog)
    except (InputError, KeyError, TypeError, ValueError):
        return Refused("record_not_readable")
    if request is None:
        return Refused("shop_not_in_the_catalogue")
    told = tuple(record["writing"]["told"])
    if not told:
        return Refused("nothing_written")
    quality = judge_answer(request, str(record.get("response") or ""), told, options)
    if quality.faults:
        return Refused(quality.faults[0].split(":")[0].replace(" ", "_") + "_fault")
    if quality.score < options.min_quality:
        return Refused("quality_below_limit")
    return _sample(record, build_prompt(request), " ".join(told) + END)


def nlu_sample(record: Mapping[str, Any], options: Learning) -> TextSample | Refused:
    """Return the message with what it alone was taken to mean, as compact JSON."""
    question = str(record.get("input") or "")
    if looks_personal(question) or not question:
        return Refused("personal_data" if question else "no_text")
    said = record["said"]
    try:
        answer = nlu.completion(
            Intent(record["understanding"]["intent"]),
            Filters.from_dict(said.get("filters") or {}),
            said.get("semantic_query") or "",
        )
        prompt = nlu.build_prompt(question, _shown(int(said.get("shown") or 0)))
    except (InputError, KeyError, TypeError, ValueError):
        return Refused("record_not_readable")
    return _sample(record, prompt, answer + END)


def tone_sample(catalog: Catalog, row: int, now: datetime) -> TextSample | Refused | None:
    """Return the owner's message of a shop and how a child is told it; None where there is no message."""
    shop = catalog.shop(row)
    original = shop.message.strip()
    if not original:
        return None
    if shop.serves_alcohol_mainly:
        return Refused("bar")
    if mask(original) != original:
        return Refused("personal_data")
    easy = friendly(original, max_emoji=MAX_EMOJI)
    if screen_output(easy):
        return Refused("safety_flag")
    if korean_share(easy, (shop.name,)) < 0.8:
        return Refused("not_korean")
    if impolite(easy, (shop.name,)):
        return Refused("not_polite_after_rewriting")
    if easy == original:
        return Refused("friendly_already")
    key = blake2b(f"{shop.shop_id}\0{original}".encode(), digest_size=12).hexdigest()
    return TextSample(
        prompt=f"<|im_start|>tone\n{original}{END}\n",
        completion=easy + END,
        source=f"tone_{key}",
        time=now,
        simulated=catalog.simulated,
        written_by="rules of text.easy",
    )


def shames(sample: TextSample) -> bool:
    """Return whether a word that shames would be trained on; the original of a tone pair may hold one, a target never."""
    return any(word in sample.completion for word in STIGMA_WORDS)


def _sample(record: Mapping[str, Any], prompt: str, completion: str) -> TextSample:
    return TextSample(
        prompt=prompt,
        completion=completion,
        source=record["interaction_id"],
        time=datetime.fromisoformat(record["recorded_at"]),
        simulated=bool(record.get("simulated")),
        written_by=str(record.get("written_by") or ""),
    )


def _shown(count: int) -> Turns:
    """Return a memory in which `count` shops were shown; the prompt says no more of them."""
    shops = (
        Recommendation(rank=i, shop_id=str(i), name="", category="기타", address="")
        for i in range(1, count + 1)
    )
    return Turns(last_shown=tuple(shops))
