"""The event log's schema, in one place: versions, Arrow columns, record to row and back, which fields are text.

A new version only adds top-level columns; what exists never changes its type. So an older file or line reads with
null in what it did not know, and one from a newer version keeps in `extra` what this one does not know. Absent and
null are the same.

An interaction whose `error` is set was a request that got no answer: it shows nothing, holds no text, and counts only
where errors are counted. `variants` names the arm of every layer, `experiments` the experiment of those that have one,
`arm_errors` the layers whose arm could not answer, so that the stable one did (`versions` names what answered), `unsafe`
what the output screen stopped.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 3
KEY_FIELD = "idempotency_key"
"""The record's field that makes it unique (its writer scopes it to a user); without it nothing is a duplicate."""

INTERACTIONS = "interactions"
FEEDBACK = "feedback"
TOMBSTONES = "tombstones"
OPERATOR = "operator"
KINDS = (INTERACTIONS, FEEDBACK, TOMBSTONES, OPERATOR)
TABLES = (INTERACTIONS, FEEDBACK)
"""The kinds that become Parquet; the others are few and stay segments."""

SEGMENT = "segment"
"""Column that names the segment a row came from: a row counts unless its segment is read itself."""

_EXTRA = "extra"
_SLICE_ROWS = 2_000
_TIME = pa.timestamp("us", tz="UTC")
_NAMES = pa.map_(pa.string(), pa.string())
_WORDS = pa.list_(pa.string())
_JSON = {b"json": b"1"}
"""Marks a column or member of mixed content that is kept as JSON text."""


def _json(name: str) -> pa.Field:
    return pa.field(name, pa.string(), metadata=_JSON)


_UNDERSTANDING = pa.struct(
    [
        ("intent", pa.string()),
        ("confidence", pa.float64()),
        _json("entities"),
        _json("filters"),
        ("semantic_query", pa.string()),
        ("keywords", pa.list_(pa.string())),
        ("emotion", pa.string()),
        ("decided_by", pa.string()),
    ]
)
_CANDIDATE = pa.struct(
    [
        ("shop_id", pa.string()),
        ("rag_score", pa.float64()),
        ("score", pa.float64()),
        ("funnels", pa.map_(pa.string(), pa.float64())),
    ]
)
_SHOWN = pa.struct(
    [
        ("shop_id", pa.string()),
        ("rank", pa.int32()),
        ("score", pa.float64()),
        ("propensity", pa.float64()),
        ("menus", pa.list_(pa.struct([("name", pa.string()), ("price_won", pa.int64())]))),
        ("wide", pa.list_(pa.float64())),
        ("numeric", pa.list_(pa.float64())),
    ]
)
SCHEMAS: Mapping[str, pa.Schema] = {
    INTERACTIONS: pa.schema(
        [
            ("schema_version", pa.int32()),
            ("interaction_id", pa.string()),
            ("recorded_at", _TIME),
            ("user_id", pa.string()),
            ("session_id", pa.string()),
            ("route", pa.string()),
            ("variants", _NAMES),
            ("input", pa.string()),
            _json("context"),
            ("understanding", _UNDERSTANDING),
            ("candidates", pa.list_(_CANDIDATE)),
            ("shown", pa.list_(_SHOWN)),
            ("response", pa.string()),
            ("response_time_s", pa.float64()),
            ("written_by", pa.string()),
            ("degraded", pa.bool_()),
            ("versions", _NAMES),
            ("simulated", pa.bool_()),
            _json("said"),
            _json("writing"),
            ("experiments", _NAMES),
            ("arm_errors", _WORDS),
            ("error", pa.string()),
            ("unsafe", _WORDS),
            (_EXTRA, pa.string()),
            (SEGMENT, pa.string()),
        ]
    ),
    FEEDBACK: pa.schema(
        [
            ("schema_version", pa.int32()),
            ("feedback_id", pa.string()),
            (KEY_FIELD, pa.string()),
            ("recorded_at", _TIME),
            ("happened_at", _TIME),
            ("user_id", pa.string()),
            ("shop_id", pa.string()),
            ("feedback_type", pa.string()),
            ("interaction_id", pa.string()),
            ("satisfaction_score", pa.float64()),
            ("review_text", pa.string()),
            ("order_amount_won", pa.int64()),
            ("actual_visit", pa.bool_()),
            ("simulated", pa.bool_()),
            (_EXTRA, pa.string()),
            (SEGMENT, pa.string()),
        ]
    ),
}
_TEXT: Mapping[str, Sequence[str]] = {
    INTERACTIONS: ("input", "response", "said", "writing"),
    FEEDBACK: ("review_text",),
}
_UNDERSTOOD_TEXT = ("semantic_query", "keywords", "entities")
"""What of an understanding repeats the child's words; intent, filters and emotion are features and stay."""


def without_text(kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record without the words of a child or of an answer to one (spec 6: kept 30 days)."""
    kept = {k: v for k, v in record.items() if k not in _TEXT[kind]}
    understanding = kept.get("understanding")
    if isinstance(understanding, Mapping):
        kept["understanding"] = {
            k: v for k, v in understanding.items() if k not in _UNDERSTOOD_TEXT
        }
    return kept


def to_table(kind: str, records: Iterable[Mapping[str, Any]], segments: Iterable[str]) -> pa.Table:
    """Return records as rows of `SCHEMAS[kind]`; `segments` names where each came from."""
    fit = _fitters(kind)
    rows = []
    for record, segment in zip(records, segments, strict=True):
        row: dict[str, Any] = {SEGMENT: segment}
        extra = {}
        for name, value in record.items():
            try:
                row[name] = None if value is None else fit[name](value)
            except (AttributeError, KeyError, TypeError, ValueError):
                extra[name] = value
        if extra:
            row[_EXTRA] = json.dumps(extra, ensure_ascii=False)
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=SCHEMAS[kind])


def to_records(kind: str, table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows as the records they were written from."""
    unfit = _unfitters(kind)
    records = []
    for row in table.to_pylist():
        record = {n: None if row[n] is None else act(row[n]) for n, act in unfit.items()}
        records.append(record | json.loads(row.get(_EXTRA) or "{}"))
    return records


def slices(table: pa.Table) -> Iterator[pa.Table]:
    """Yield a table in pieces of which the records fit in memory, whatever its size."""
    for start in range(0, table.num_rows, _SLICE_ROWS):
        yield table.slice(start, _SLICE_ROWS)


def recorded_at(record: Mapping[str, Any]) -> datetime | None:
    """Return when a record was written, in UTC; None where it does not say."""
    try:
        return datetime.fromisoformat(record["recorded_at"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return None


_Act = Callable[[Any], Any]
"""From a value to its column's or back, null aside. Going there it raises AttributeError, TypeError, KeyError or
ValueError where the value does not fit without loss; the record then keeps it in `extra`."""


@cache
def _fitters(kind: str) -> dict[str, _Act]:
    return {f.name: _fitter(f) for f in SCHEMAS[kind] if f.name not in (_EXTRA, SEGMENT)}


@cache
def _unfitters(kind: str) -> dict[str, _Act]:
    return {f.name: _unfitter(f) for f in SCHEMAS[kind] if f.name not in (_EXTRA, SEGMENT)}


def _fitter(field: pa.Field) -> _Act:
    kind = field.type
    if field.metadata == _JSON:
        return lambda value: json.dumps(value, ensure_ascii=False)
    if pa.types.is_struct(kind):
        members = {f.name: _fitter(f) for f in kind}
        return lambda value: {k: None if v is None else members[k](v) for k, v in value.items()}
    if pa.types.is_map(kind):
        item = _fitter(kind.item_field)
        return lambda value: [(k, None if v is None else item(v)) for k, v in value.items()]
    if pa.types.is_list(kind):
        if pa.types.is_floating(kind.value_type):
            return _fit_numbers
        each = _fitter(kind.value_field)
        return lambda value: [None if v is None else each(v) for v in _known(list, value)]
    if pa.types.is_timestamp(kind):
        return lambda value: datetime.fromisoformat(value).astimezone(UTC)
    if pa.types.is_integer(kind):
        limit = 2 ** (31 if kind == pa.int32() else 63)
        return lambda value: _fit_integer(value, limit)
    if pa.types.is_floating(kind):
        return _fit_number
    return partial(_known, bool if pa.types.is_boolean(kind) else str)


def _known(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _fit_integer(value: Any, limit: int) -> Any:
    if type(value) is not int or not -limit <= value < limit:
        raise TypeError(f"{value!r} is no integer below {limit}")
    return value


def _fit_number(value: Any) -> Any:
    return value if type(value) is float else _fit_integer(value, 2**53)


def _fit_numbers(values: Any) -> Any:
    if set(map(type, _known(list, values))) - {float}:
        return [None if v is None else _fit_number(v) for v in values]
    return values


def _unfitter(field: pa.Field) -> _Act:
    kind = field.type
    if field.metadata == _JSON:
        return json.loads
    if pa.types.is_struct(kind):
        members = {f.name: _unfitter(f) for f in kind}
        return lambda value: {
            k: act(value[k]) for k, act in members.items() if value[k] is not None
        }
    if pa.types.is_map(kind):
        return dict
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        each = _unfitter(kind.value_field)
        return lambda value: [None if v is None else each(v) for v in value]
    if pa.types.is_timestamp(kind):
        return lambda value: value.astimezone(UTC).isoformat()
    return lambda value: value
