"""Keys and shared counts in the control plane's database (`cluster.database`), SQLite or PostgreSQL."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError

from cluster.access.keys import ApiKey, Role, digest_of, file_key, name_taken, no_key
from cluster.database import engine_of, make_tables
from cluster.jobs.tables import Moment

METADATA = sa.MetaData()
KEYS = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("revoked_at", Moment),
    sa.Column("revoked_by", sa.Text, nullable=False),
    sa.Column("from_file", sa.Boolean, nullable=False),
    sa.Column("users", sa.Text, nullable=False),
)
sa.Index(
    "api_keys_name_in_force",
    KEYS.c.name,
    unique=True,
    sqlite_where=KEYS.c.revoked_at.is_(None),
    postgresql_where=KEYS.c.revoked_at.is_(None),
)
COUNTS = sa.Table(
    "rate_limits",
    METADATA,
    sa.Column("bucket", sa.Text, primary_key=True),
    sa.Column("tat_us", sa.BigInteger, nullable=False, index=True),
)
_ROWS_AT_ONCE = 500
_ATTEMPTS = 3


class SqlAccess:
    """What both stores below share: an engine that is opened, and tables that are made, when they are first needed."""

    def __init__(self, url: str) -> None:
        self._url = url

    @functools.cached_property
    def engine(self) -> sa.Engine:
        """The open engine."""
        engine = engine_of(self._url)
        make_tables(engine, METADATA)
        return engine


class SqlKeys(SqlAccess):
    """`KeyStore` over SQLAlchemy Core. Safe in threads and beside other processes."""

    def all(self) -> tuple[ApiKey, ...]:
        with self._reading() as connection:
            rows = connection.execute(sa.select(KEYS).order_by(KEYS.c.created_at, KEYS.c.id))
            return tuple(_key(row._mapping) for row in rows)

    def add(self, key: ApiKey) -> None:
        try:
            with self.engine.begin() as connection:
                connection.execute(sa.insert(KEYS).values(_row(key)))
        except IntegrityError as e:
            raise name_taken(key.name) from e

    def revoke(self, key: str, *, by: str, at: datetime) -> ApiKey:
        in_force = KEYS.c.revoked_at.is_(None)
        named = sa.or_(KEYS.c.id == key, sa.and_(KEYS.c.name == key, in_force))
        with self.engine.begin() as connection:
            row = connection.execute(sa.select(KEYS).where(named).with_for_update()).first()
            if row is None:
                raise no_key(key)
            connection.execute(
                sa.update(KEYS)
                .where(KEYS.c.id == row.id, in_force)
                .values(revoked_at=at, revoked_by=by)
            )
            kept = connection.execute(sa.select(KEYS).where(KEYS.c.id == row.id)).one()
            return _key(kept._mapping)

    def adopt(self, secret: str, *, at: datetime) -> ApiKey:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._adopt(secret, at)
            except IntegrityError:  # another replica was adopting at the same time
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError

    def _adopt(self, secret: str, at: datetime) -> ApiKey:
        with self.engine.begin() as connection:
            same = sa.select(KEYS).where(KEYS.c.digest == digest_of(secret))
            if (row := connection.execute(same).first()) is not None:
                return _key(row._mapping)
            connection.execute(
                sa.update(KEYS)
                .where(KEYS.c.from_file, KEYS.c.revoked_at.is_(None))
                .values(revoked_at=at, revoked_by="the key file was changed")
            )
            made = file_key(secret, at)
            connection.execute(sa.insert(KEYS).values(_row(made)))
            return made

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")


class SqlCounts(SqlAccess):
    """`SharedCounts` in a table: one row for each bucket that is not full. Safe beside other processes."""

    def charge(self, amounts_us: Mapping[str, int], *, now_us: int) -> Mapping[str, int]:
        told: dict[str, int] = {}
        buckets = sorted(amounts_us)  # one order for all replicas, so that none waits in a circle
        with self.engine.begin() as connection:
            for start in range(0, len(buckets), _ROWS_AT_ONCE):
                some = {name: amounts_us[name] for name in buckets[start : start + _ROWS_AT_ONCE]}
                told |= self._charge(connection, some, now_us)
        return told

    def forget(self, *, full_before_us: int) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.delete(COUNTS).where(COUNTS.c.tat_us < full_before_us))

    def _charge(
        self, connection: sa.Connection, amounts_us: Mapping[str, int], now_us: int
    ) -> dict[str, int]:
        postgres = connection.dialect.name == "postgresql"
        insert = pg_insert(COUNTS) if postgres else sqlite_insert(COUNTS)
        later = sa.func.greatest if postgres else sa.func.max
        rows = [{"bucket": b, "tat_us": now_us + a} for b, a in amounts_us.items()]
        filled = insert.values(rows)
        added = filled.excluded.tat_us - now_us
        charged = filled.on_conflict_do_update(
            index_elements=[COUNTS.c.bucket],
            set_={"tat_us": later(COUNTS.c.tat_us, now_us) + added},
        ).returning(COUNTS.c.bucket, COUNTS.c.tat_us)
        return {row.bucket: row.tat_us for row in connection.execute(charged)}


def _row(key: ApiKey) -> dict[str, object]:
    return {**asdict(key), "role": key.role.value}


def _key(row: sa.RowMapping) -> ApiKey:
    return ApiKey(**{**row, "role": Role(row["role"])})
