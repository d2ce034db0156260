"""What the safety classifier learns from besides the public sentences: our own messages, varied, and listed terms."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from naviyam.evaluation.safety_data import Sample, listed_terms

OWN = Path(__file__).parent / "messages.jsonl"
HELP = ("hunger", "hurt", "self_harm")


def own_samples(path: Path = OWN) -> list[Sample]:
    """Return our own messages, each also without spaces, with tears, and in the other level of politeness."""
    found: dict[str, Sample] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            for text in _varied(row["text"]) if "text" in row else ():
                found.setdefault(text, Sample(text=text, source="own", label=row["label"]))
    return list(found.values())


def bad_terms(data: Path, clean: Iterable[str]) -> list[Sample]:
    """Return the terms of the public list that no clean sentence holds: it lists harmless strings as well."""
    everything = "\n".join(clean)
    kept = (t for t in listed_terms(data) if len(t) > 1 and not t.isdigit() and t not in everything)
    return [Sample(text=t, source="bad_words", label="offensive") for t in kept]


def _varied(text: str) -> Iterator[str]:
    yield text
    yield text.replace(" ", "")
    yield f"{text} ㅠㅠ"
    if text.endswith("요"):
        yield text.removesuffix("요")
    elif text[-1] in "어아해져네지":
        yield f"{text}요"
