"""The port for learned layers, and the merge by confidence. Only the rules exist now.

Refuses to let a learned layer overrule safety or invent a filter value outside spec 7
(`Filters.from_dict` guards that where a layer parses its output).
"""

from dataclasses import replace
from typing import Protocol

from naviyam.conversation import Turns
from naviyam.request import Understanding


class Layer(Protocol):
    """One way to understand; None where the layer has nothing to say."""

    def understand(self, text: str, turns: Turns) -> Understanding | None: ...


def merge_by_confidence(first: Understanding, *others: Understanding | None) -> Understanding:
    """Return the surest understanding; earlier layers win ties and safety always wins.

    The rules' filters and entities are kept where the winner has none, since they were said.
    """
    if first.decided_by == "safety":
        return first
    best = first
    for other in others:
        if other is not None and other.confidence > best.confidence:
            best = other
    if best is first:
        return first
    return replace(
        best,
        filters=best.filters.merged_over(first.filters),
        entities=best.entities or first.entities,
        keywords=best.keywords or first.keywords,
        semantic_query=best.semantic_query or first.semantic_query,
    )
