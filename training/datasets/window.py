"""The part of the event log that one run looks at: which answers, which feedback, read as arrays. SQL lives here."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from naviyam.feedback.query import Views
from naviyam.learning.impressions import Chosen, Impressions
from naviyam.settings import Learning
from training.datasets.absent import Absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Answers of the last days up to `now`, and their feedback up to `now`; nothing of the absent may be learned."""

    now: datetime
    options: Learning
    absent: Absent
    simulated: bool | None = None
    """Whose answers count: the simulated, the real, or (None) both."""

    @property
    def silent(self) -> frozenset[str]:
        """Return who agreed to nothing."""
        return self.absent.silent

    @property
    def since(self) -> datetime:
        """Return where the window begins."""
        return self.now - timedelta(days=self.options.window_days)

    def answers(self) -> str:
        """Return the SQL of the window's answers; requests that failed are none."""
        kind = {None: "", True: " AND simulated", False: " AND NOT coalesce(simulated, false)"}
        return (
            f"SELECT * FROM interactions WHERE recorded_at > '{_sql(self.since)}' "
            f"AND recorded_at <= '{_sql(self.now)}' AND error IS NULL{kind[self.simulated]}"
        )

    def of_one_kind(self, views: Views) -> Self:
        """Return the window over either the real or the simulated answers, as `learning.source` says."""
        if self.options.source != "auto":
            return replace(self, simulated=self.options.source == "simulated")
        real = replace(self, simulated=False)
        found = views.sql(f"SELECT 1 FROM ({real.answers()}) LIMIT 1").fetchall()
        return real if found else replace(self, simulated=True)

    def feedback(self) -> str:
        """Return the SQL of positive feedback: `weight`, null where it says nothing good, and the satisfaction."""
        o = self.options
        return (
            "SELECT interaction_id, user_id, shop_id, recorded_at, satisfaction_score, CASE feedback_type "
            f"WHEN 'clicked' THEN {o.clicked_weight} WHEN 'favorited' THEN {o.favorited_weight} "
            f"WHEN 'ordered' THEN {o.ordered_weight} "
            f"WHEN 'rated' THEN CASE WHEN satisfaction_score >= {o.min_stars} THEN {o.rated_weight} END "
            f"END AS weight FROM feedback WHERE interaction_id IS NOT NULL AND recorded_at <= '{_sql(self.now)}'"
        )

    def joined(self) -> str:
        """Return the condition under which feedback `f` belongs to answer `a`: its own user's, in time."""
        seconds = int(self.options.attribution_hours * 3_600)
        return (
            "f.interaction_id = a.interaction_id AND f.user_id = a.user_id "
            f"AND f.recorded_at <= a.recorded_at + INTERVAL {seconds} SECOND"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """Impressions of consenting users, and how many rows were left out and why."""

    impressions: Impressions
    dropped: Counter[str]


def read_shown(views: Views, window: Window, *, wide: int, numeric: int) -> Shown:
    """Return all that was shown with its features, answer by answer in order of time, with what was chosen of it."""
    table = views.sql(
        f"WITH a AS (SELECT interaction_id, user_id, recorded_at, unnest(shown) AS s FROM ({window.answers()})), "
        f"f AS ({window.feedback()}) "
        "SELECT a.interaction_id AS answer, a.user_id AS user, a.s.shop_id AS shop, "
        "epoch_us(a.recorded_at) AS time, a.s.rank AS rank, a.s.score AS score, "
        f"coalesce(len(a.s.wide) = {wide} AND len(a.s.numeric) = {numeric}, false) AS whole, "
        "coalesce(max(f.weight), 0.0) AS chosen, "
        "coalesce(max(epoch_us(f.recorded_at)) FILTER (f.weight > 0), 0) AS chosen_at "
        f"FROM a LEFT JOIN f ON f.shop_id = a.s.shop_id AND {window.joined()} "
        "GROUP BY ALL ORDER BY time, answer, rank, shop"
    ).to_arrow_table()
    dropped: Counter[str] = Counter()
    agreed = pc.invert(pc.is_in(table["user"], value_set=_strings(window.silent)))
    dropped["shown_without_consent"] = table.num_rows - (pc.sum(agreed).as_py() or 0)
    table = table.filter(agreed)
    dropped["shown_without_features"] = table.num_rows - (pc.sum(table["whole"]).as_py() or 0)
    table = table.filter(table["whole"])
    return Shown(
        impressions=Impressions(
            answer=_objects(table, "answer"),
            shop=_objects(table, "shop"),
            time=table["time"].to_numpy(),
            rank=table["rank"].to_numpy().astype(np.int32),
            score=table["score"].to_numpy().astype(np.float32),
            chosen=table["chosen"].to_numpy().astype(np.float32),
            chosen_at=table["chosen_at"].to_numpy(),
        ),
        dropped=+dropped,
    )


def read_features(
    views: Views, shown: Impressions, chosen: Chosen, *, wide: int, numeric: int
) -> pa.Table:
    """Return the samples with the features as served and what else the log knows of them, in order of time and rank."""
    picked = {
        "interaction_id": pa.array(shown.answer[chosen.row], pa.string()),
        "shop_id": pa.array(shown.shop[chosen.row], pa.string()),
        **{k: pa.array(getattr(chosen, k)) for k in ("label", "weight", "examined", "test")},
    }
    views.register("_picked", pa.table(picked))
    return views.sql(
        "WITH a AS (SELECT i.*, unnest(shown) AS s FROM interactions AS i WHERE interaction_id IN "
        "(SELECT interaction_id FROM _picked)) "
        "SELECT a.interaction_id, a.recorded_at AS time, a.user_id, p.shop_id, "
        "coalesce(nullif(a.understanding.semantic_query, ''), a.input, '') AS query, a.route, p.label, p.weight, "
        "a.s.rank AS rank, a.s.score::FLOAT AS score, coalesce(a.s.propensity, 1.0)::FLOAT AS propensity, "
        "p.examined, coalesce(a.versions['ranker'], '') AS model, coalesce(a.simulated, false) AS simulated, "
        f"a.s.wide::FLOAT[{wide}] AS wide, a.s.numeric::FLOAT[{numeric}] AS numeric, p.test "
        "FROM a JOIN _picked AS p ON p.interaction_id = a.interaction_id AND p.shop_id = a.s.shop_id "
        "ORDER BY time, a.interaction_id, rank, p.shop_id"
    ).to_arrow_table()


def read_talk(views: Views, window: Window) -> pa.Table:
    """Return one row per answered message of the window: what the filter of good conversations looks at."""
    return views.sql(
        f"WITH a AS (SELECT * FROM ({window.answers()}) WHERE route = 'chat'), f AS ({window.feedback()}), "
        "g AS (SELECT a.interaction_id, "
        "arg_max(f.satisfaction_score, f.recorded_at) FILTER (f.satisfaction_score IS NOT NULL) AS satisfaction, "
        "list(DISTINCT f.shop_id) FILTER (f.weight > 0) AS shops "
        f"FROM a JOIN f ON {window.joined()} GROUP BY a.interaction_id) "
        "SELECT a.interaction_id, a.user_id, epoch_us(a.recorded_at) AS time, "
        "coalesce(a.understanding.intent, '') AS intent, coalesce(a.understanding.decided_by, '') AS decided_by, "
        "coalesce(a.written_by, '') AS written_by, coalesce(a.response_time_s, 1e9) AS response_s, "
        "coalesce(len(a.shown), 0) AS shown, a.writing IS NOT NULL AND a.said IS NOT NULL AS told, "
        "coalesce(g.satisfaction, 0.0) AS satisfaction, "
        "coalesce(list_has_any([s.shop_id for s in a.shown], g.shops), false) AS chosen "
        "FROM a LEFT JOIN g ON g.interaction_id = a.interaction_id ORDER BY time, a.interaction_id"
    ).to_arrow_table()


def read_chosen(views: Views, window: Window) -> dict[str, frozenset[str]]:
    """Return the shops that were chosen, by the answer they were chosen from."""
    table = views.sql(
        f"WITH f AS ({window.feedback()}) SELECT a.interaction_id AS answer, list(DISTINCT f.shop_id) AS shops "
        f"FROM interactions AS a JOIN f ON {window.joined()} WHERE f.weight > 0 GROUP BY a.interaction_id"
    ).to_arrow_table()
    pairs = zip(table["answer"].to_pylist(), table["shops"].to_pylist(), strict=True)
    return {answer: frozenset(shops) for answer, shops in pairs}


def read_whole(views: Views, ids: npt.NDArray[np.object_]) -> pa.Table:
    """Return the whole rows of these answers, in order of time."""
    views.register("_good", pa.table({"interaction_id": pa.array(ids, pa.string())}))
    return views.sql(
        "SELECT * EXCLUDE (dt, hour) FROM interactions WHERE interaction_id IN "
        "(SELECT interaction_id FROM _good) ORDER BY recorded_at, interaction_id"
    ).to_arrow_table()


def _sql(when: datetime) -> str:
    return when.astimezone(UTC).isoformat()


def _strings(values: frozenset[str]) -> pa.Array:
    return pa.array(sorted(values), pa.string())


def _objects(table: pa.Table, name: str) -> npt.NDArray[Any]:
    return np.array(table[name].to_pylist(), dtype=object)
