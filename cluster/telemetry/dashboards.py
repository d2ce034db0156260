"""The four dashboards; limits come from the settings. Pure."""

from cluster.telemetry.boards.language_model import language_model
from cluster.telemetry.boards.learning import learning
from cluster.telemetry.boards.nodes import nodes
from cluster.telemetry.boards.service import service
from cluster.telemetry.grafana import Dashboard
from naviyam.settings import Settings


def dashboards(settings: Settings) -> tuple[Dashboard, ...]:
    """Return every dashboard."""
    return service(settings), language_model(), learning(settings), nodes()
