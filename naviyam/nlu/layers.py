"""Stage 4's first two layers: the rules, and the classifier where they are unsure, merged by confidence; `third` adds the language model.

Refuses to let a learned layer overrule safety or set a filter: filters are what was said, and the rules find that. Where a
layer decides otherwise, what was read is expressed with that intent in mind.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from naviyam.conversation import Turns
from naviyam.nlu.classifier import Classifier, load_classifier
from naviyam.nlu.rules import Reading, RuleUnderstander, screened
from naviyam.request import Intent, Understanding
from naviyam.retrieval.encoder import Encoder
from naviyam.safety.screen import Screen
from naviyam.settings import Safety, Settings

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """What rules and classifier make of a message that a screen let through."""

    understanding: Understanding
    reading: Reading
    confidence: float
    """That of the surer layer, also where the understanding is the other's and both mean the same."""


class LayeredUnderstander:
    """Rules first; below `ask_below` the classifier is asked, and the surer of the two decides."""

    def __init__(
        self,
        rules: RuleUnderstander,
        classifier: Classifier | None,
        *,
        ask_below: float,
        other_talk_from: float = 0.92,
        screen: Screen | None = None,
    ) -> None:
        self.rules = rules
        self.classifier = classifier
        self._ask_below = ask_below
        self._other_talk_from = other_talk_from
        self._screen = screen or Screen(Safety())

    def understand(self, text: str, turns: Turns) -> Understanding:
        """Screen a message and return its understanding; `decided_by` names the layer whose intent it has."""
        verdict = self._screen.judge(text, turns.need_signs)
        if verdict.kind != "ok":
            return screened(text, verdict)
        return self.consider(text, turns).understanding

    def consider(self, text: str, turns: Turns) -> Considered:
        """Return the understanding of a message that a screen let through, with what it was read from; it is not screened again."""
        reading = self.rules.read(text, turns)
        first = self.rules.express(reading, turns)
        if self.classifier is None or first.confidence >= self._ask_below:
            return Considered(understanding=first, reading=reading, confidence=first.confidence)
        second = self.classifier.decide(reading.findings)
        confidence = max(first.confidence, second.confidence)
        if second.intent is first.intent:
            return Considered(understanding=first, reading=reading, confidence=confidence)
        if (
            second.confidence > first.confidence
            and plausible(second.intent, first)
            and self._outweighs(second, first)
        ):
            first = self.rules.express(reading, turns, second)
        return Considered(understanding=first, reading=reading, confidence=first.confidence)

    def _outweighs(self, second: Understanding, first: Understanding) -> bool:
        """Tell whether the classifier is sure enough to take a message with a word of food for other talk."""
        other_talk = (
            first.intent is Intent.FOOD_RECOMMENDATION and second.intent is Intent.OUT_OF_SCOPE
        )
        return not other_talk or second.confidence >= self._other_talk_from


def plausible(intent: Intent, first: Understanding) -> bool:
    """Tell whether a learned layer may say that intent of a message that the rules read so.

    Calls for help are the screen's to see, and it let the message through: on the development sets every call that the
    classifier saw besides was a false alarm. Where a food was named, so was every word of small talk, and whatever was near where the rules saw nothing near.
    """
    if intent is Intent.HELP_NEEDED:
        return False
    said = first.filters
    named = said.category or said.food_type
    if intent is Intent.NEARBY_INQUIRY and first.intent is Intent.FOOD_RECOMMENDATION:
        return False
    if intent is Intent.THANKS:
        return not (said.location or said.budget_max or said.open_now)
    return not (named and intent in (Intent.OUT_OF_SCOPE, Intent.GREETING))


def build_understander(
    settings: Settings,
    encoder: Encoder | None,
    *,
    place_names: Collection[str],
    shop_names: Collection[str] = (),
    screen: Screen | None = None,
) -> LayeredUnderstander:
    """Return the layers that are there; without an encoder or a trained classifier the rules are alone.

    `screen` is asked first; None screens by the rules alone.
    """
    return LayeredUnderstander(
        RuleUnderstander(place_names, shop_names),
        open_classifier(settings, encoder),
        ask_below=settings.nlu.ask_classifier_below,
        other_talk_from=settings.nlu.other_talk_from,
        screen=screen,
    )


def open_classifier(settings: Settings, encoder: Encoder | None) -> Classifier | None:
    """Return the classifier, or None where it is switched off, or cannot be used, which the log then explains."""
    if not settings.nlu.classifier:
        return None
    if encoder is None:
        _logger.warning("no intent classifier, rules alone: no encoder in this process")
        return None
    return load_classifier(settings.paths.classifier, encoder)
