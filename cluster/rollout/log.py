"""An experiment's answers out of the event log. Reads by SQL; nothing is judged here.

An answer belongs to an experiment where the log names it for the layer. It is an error of its arm where the request got no
answer, or where the arm could not answer and the stable one did. Feedback counts by the answer that it names and the
user who got that answer, whenever it came: a later look may know more than an earlier one, of both arms alike.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from cluster.rollout.observed import Seen, in_order
from naviyam.arms import Layer
from naviyam.feedback.query import Views, reading
from naviyam.feedback.store import EventStore

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SQL: Final = """
WITH answers AS (
    SELECT
        interaction_id, user_id, recorded_at,
        variants[$layer] AS arm,
        coalesce(response_time_s, 0) AS latency_s,
        error IS NOT NULL OR coalesce(list_contains(arm_errors, $layer), false) AS failed,
        coalesce(len(unsafe), 0) > 0 AS stopped
    FROM interactions
    WHERE recorded_at >= $since
        AND experiments[$layer] = $experiment AND variants[$layer] IN ('stable', 'candidate')
), made AS (
    SELECT
        interaction_id, user_id,
        bool_or(feedback_type IN ('clicked', 'ordered', 'favorited')) AS clicked,
        bool_or(feedback_type = 'ordered') AS ordered,
        avg(satisfaction_score) AS satisfaction
    FROM feedback
    WHERE recorded_at >= $since AND interaction_id IS NOT NULL
    GROUP BY interaction_id, user_id
)
SELECT
    user_id, arm, epoch_us(recorded_at) AS asked_us, latency_s,
    coalesce(clicked, false) AS clicked, coalesce(ordered, false) AS ordered, satisfaction,
    failed AS error, stopped AS unsafe
FROM answers LEFT JOIN made USING (interaction_id, user_id)
"""


def observe(
    store: EventStore, *, experiment: str, layer: Layer, since: datetime
) -> tuple[Seen, ...]:
    """Return the answers of an experiment since it began, in order of time.

    Args:
        store: the event log.
        experiment: its id, as the log names it.
        layer: on which it runs.
        since: when it began.

    Raises:
        ConflictError: compaction kept replacing the files that were being read.
    """
    asked = {"experiment": experiment, "layer": layer, "since": since}

    def read(views: Views) -> tuple[Seen, ...]:
        rows = views.sql(_SQL, params=asked).to_arrow_table().to_pylist()
        return in_order(
            Seen(at=_EPOCH + timedelta(microseconds=row.pop("asked_us")), **row) for row in rows
        )

    return reading(store, read)
