"""Opens the input screen: the trained classifier where it is, the rules alone where it is not."""

import logging

from naviyam.errors import ArtifactError, ConfigError
from naviyam.retrieval.encoder import Encoder, load_encoder
from naviyam.safety.classifier import Classifier, read_card
from naviyam.safety.screen import Screen
from naviyam.settings import Settings

_logger = logging.getLogger(__name__)


def open_screen(settings: Settings, encoder: Encoder | None) -> Screen:
    """Return the screen of `settings.safety`.

    The search's own encoder is shared where the classifier was trained on it, so that a message is embedded once; else
    the encoder that the classifier's card names is loaded beside it.
    """
    folder = settings.paths.safety_classifier
    try:
        name = str(read_card(folder)["encoder"])
        if encoder is None or encoder.name != name:
            own = {"encoder": name, "query_prefix": "", "passage_prefix": ""}
            encoder = load_encoder(settings.retrieval.model_copy(update=own))
        return Screen(settings.safety, Classifier.load(folder, encoder))
    except (ArtifactError, ConfigError) as e:
        _logger.warning("messages are screened by the rules alone: %s", e)
        return Screen(settings.safety)
