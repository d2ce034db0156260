"""The event log's schema, in one place: versions, Arrow columns, record to row and back, which fields are text.

A new version only adds top-level columns; what exists never changes its type. So an older file or line reads with
null in what it did not know, and one from a newer version keeps in `extra` what this one does not know. Absent and
null are the same.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 1
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
_TIME = pa.timestamp("us", tz="UTC")
_NAMES = pa.map_(pa.string(), pa.string())
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
            (_EXTRA, pa.string()),
            (SEGMENT, pa.string()),
        ]
    ),
}
_TEXT: Mapping[str, Sequence[str]] = {
    INTERACTIONS: ("input", "response"),
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
    schema = SCHEMAS[kind]
    known = {f.name: f for f in schema if f.name not in (_EXTRA, SEGMENT)}
    rows = []
    for record, segment in zip(records, segments, strict=True):
        row: dict[str, Any] = {SEGMENT: segment}
        extra = {}
        for name, value in record.items():
            try:
                row[name] = _fit(value, known[name])
            except (KeyError, TypeError, ValueError):
                extra[name] = value
        if extra:
            row[_EXTRA] = json.dumps(extra, ensure_ascii=False)
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=schema)


def to_records(kind: str, table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows as the records they were written from."""
    fields = [f for f in SCHEMAS[kind] if f.name not in (_EXTRA, SEGMENT)]
    records = []
    for row in table.to_pylist():
        record = {f.name: _unfit(row[f.name], f) for f in fields}
        records.append(record | json.loads(row.get(_EXTRA) or "{}"))
    return records


def recorded_at(record: Mapping[str, Any]) -> datetime | None:
    """Return when a record was written, in UTC; None where it does not say."""
    try:
        return datetime.fromisoformat(record["recorded_at"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return None


def _fit(value: Any, field: pa.Field) -> Any:
    """Return `value` for its column.

    Raises:
        TypeError, KeyError, ValueError: it does not fit without loss; the record then keeps it in `extra`.
    """
    kind = field.type
    if value is None:
        return None
    if field.metadata == _JSON:
        return json.dumps(value, ensure_ascii=False)
    if pa.types.is_struct(kind):
        return {k: _fit(v, _member(kind, k)) for k, v in value.items()}
    if pa.types.is_map(kind):
        return [(_fit(k, kind.key_field), _fit(v, kind.item_field)) for k, v in value.items()]
    if pa.types.is_list(kind):
        if not isinstance(value, list):
            raise TypeError(field.name)
        return [_fit(v, kind.value_field) for v in value]
    if pa.types.is_timestamp(kind):
        return datetime.fromisoformat(value).astimezone(UTC)
    return _fit_plain(value, field)


def _member(struct: pa.StructType, name: str) -> pa.Field:
    index = struct.get_field_index(name)
    if index < 0:
        raise KeyError(name)
    return struct.field(index)


def _fit_plain(value: Any, field: pa.Field) -> Any:
    kind = field.type
    if pa.types.is_boolean(kind):
        fits = isinstance(value, bool)
    elif pa.types.is_string(kind):
        fits = isinstance(value, str)
    else:
        integer = isinstance(value, int) and not isinstance(value, bool)
        size = 31 if kind == pa.int32() else 63
        fits = (
            (integer and -(2**size) <= value < 2**size)
            if pa.types.is_integer(kind)
            else (integer or isinstance(value, float))
        )
    if not fits:
        raise TypeError(field.name)
    return value


def _unfit(value: Any, field: pa.Field) -> Any:
    kind = field.type
    if value is None:
        return None
    if field.metadata == _JSON:
        return json.loads(value)
    if pa.types.is_struct(kind):
        members = ((f, value[f.name]) for f in kind if value[f.name] is not None)
        return {f.name: _unfit(v, f) for f, v in members}
    if pa.types.is_map(kind):
        return {k: _unfit(v, kind.item_field) for k, v in value}
    if pa.types.is_list(kind):
        return [_unfit(v, kind.value_field) for v in value]
    if pa.types.is_timestamp(kind):
        return value.astimezone(UTC).isoformat()
    return value
