"""The SQL store: PostgreSQL in production, SQLite embedded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from psycopg.types.string import TextLoader
from sqlalchemy import event as sa_event
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    InvalidatePoolError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orchestrator.core.errors import BadInputError, ContendedError, UnavailableError
from orchestrator.core.ports import Transaction
from orchestrator.store.auditing import Auditing
from orchestrator.store.direct import Direct, Row
from orchestrator.store.feed import Feed
from orchestrator.store.garbled import loads
from orchestrator.store.granting import Granting
from orchestrator.store.pausing import Pausing
from orchestrator.store.pool import RenewedPool, is_from_before_a_cut
from orchestrator.store.reads import Reads, repeated
from orchestrator.store.retention import Retention
from orchestrator.store.scheduling import Scheduling
from orchestrator.store.statements import Statements
from orchestrator.store.transaction import SqlTransaction
from orchestrator.store.watching import Watching

BUSY_TIMEOUT_S = 15
CONTENDED = {"40001", "40P01", "55P03", "22012"}  # serialisation, deadlock, lock, `save_and_log`
POSTGRESQL = {
    "connect_timeout": 5,
    "application_name": "orchestrator",
    # A process that freezes in the middle of a transaction holds its rows until the server ends it;
    # until then nobody shall wait for them for ever. A statement is planned once, perhaps while the tables are
    # small: reading all of a table, which then looks cheap, is not what any of ours should go on doing.
    "options": "-c lock_timeout=5s -c idle_in_transaction_session_timeout=15s"
    # Nor is reading all of an index, to sort or to join what it leads to, where a few rows are wanted.
    " -c enable_bitmapscan=off -c enable_mergejoin=off -c enable_hashjoin=off -c enable_material=off"
    # What has no index (the few workers) then looks so dear that the server would compile the statement.
    " -c timezone=UTC -c enable_seqscan=off -c jit=off",
    # Nor for a server that has vanished without a word.
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""How we connect to PostgreSQL; what the URL says of these outweighs it."""
IDLE_S = 5.0
"""A connection that was idle for longer is asked whether it still stands. To ask each time would cost a way there and
back; those in use are few, and the first of them that finds itself cut off has all others replaced."""


def make_engine(url: str, *, pool_size: int = 10) -> sa.Engine:
    """Makes the engine for a database URL; nothing is connected yet.

    Raises BadInputError for a URL that cannot be read or is of another database.
    """
    try:
        parsed = sa.make_url(url)
    except SQLAlchemyError as problem:
        raise BadInputError(
            f"the database URL {url!r} cannot be read; write postgresql://user@host/name or"
            " sqlite:////path/to/file"
        ) from problem
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    match parsed.get_backend_name():
        case "postgresql":
            engine = sa.create_engine(
                parsed,
                poolclass=RenewedPool,
                pool_size=pool_size,
                max_overflow=10,
                pool_timeout=10,
                pool_use_lifo=True,  # few connections stay warm: their statements are prepared
                json_deserializer=loads,
                connect_args={**POSTGRESQL, **parsed.query},
            )
            _tune_postgres(engine)
            return engine
        case "sqlite":
            engine = sa.create_engine(
                parsed,
                pool_size=pool_size,
                max_overflow=10,
                json_deserializer=loads,
                connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
            )
            _tune_sqlite(engine)
            return engine
        case other:
            raise BadInputError(
                f"the database URL names {other!r}; only postgresql and sqlite are supported"
            )


def _tune_postgres(engine: sa.Engine) -> None:
    @sa_event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        connection.adapters.register_loader("uuid", TextLoader)  # ids are texts everywhere
        record.info["opened_at"] = time.monotonic()

    @sa_event.listens_for(engine, "checkin")
    def on_checkin(_connection: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    @sa_event.listens_for(engine, "checkout")
    def on_checkout(connection: Any, record: Any, _proxy: Any) -> None:
        now = time.monotonic()
        if is_from_before_a_cut(engine, record.info["opened_at"]):
            raise DisconnectionError("cut off with others")
        if now - record.info.get("used_at", now) > IDLE_S:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as problem:
                raise InvalidatePoolError("cut off while it was idle") from problem


def _tune_sqlite(engine: sa.Engine) -> None:
    @sa_event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin our transactions ourselves
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
        cursor.close()

    is_gone = engine.dialect.is_disconnect

    def is_of_no_use(problem: Any, connection: Any, cursor: Any) -> bool:
        # What was opened while the file could not be written never writes, and neither does what this process
        # opens beside it: each has to go before one comes that may.
        return "readonly database" in str(problem) or is_gone(problem, connection, cursor)

    engine.dialect.is_disconnect = is_of_no_use  # type: ignore[assignment]

    @sa_event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        # A read that turns into a write fails at once in SQLite, so a writer says so at the beginning.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class SqlStore(Watching, Granting, Scheduling, Auditing, Pausing, Retention, Feed):
    """Implements `orchestrator.core.ports.Store` on a database.

    All methods raise UnavailableError when the database does not answer, is full or read-only, and
    ContendedError when another transaction was in the way.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._writing = engine.execution_options(writes=True)
        # A read is one statement; a transaction around it would be two more ways to the server and back.
        alone = {"isolation_level": "AUTOCOMMIT"} if engine.dialect.name == "postgresql" else {}
        self._reading = engine.execution_options(**alone)
        self._known = Statements(engine.dialect.name)
        Feed.__init__(self)

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        with translated():
            tx = SqlTransaction(self._writing, self._known)
            try:
                yield tx
            except BaseException:
                tx.close(commit=False)
                raise
            tx.close(commit=True)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        with translated(), self._writing.begin() as connection:
            yield connection

    def alone(
        self, statement: Direct, given: Mapping[str, Any], *, writes: bool = False
    ) -> list[Row]:
        if self.engine.dialect.name == "postgresql":
            with translated():
                if writes:
                    return statement.run_alone(self.engine, given)
                return repeated(lambda: statement.run_alone(self.engine, given))
        if writes:
            with self.writing() as connection:
                return statement.run(connection, given)
        with self.reading() as reads:
            return statement.run(reads.connection, given)

    @contextmanager
    def reading(self) -> Iterator[Reads]:
        with translated(), closing(Reads(self._reading)) as reads:
            yield reads

    def now(self) -> datetime:
        if self.engine.dialect.name == "sqlite":
            return datetime.now(UTC)
        ((found,),) = self.alone(self._regular.now, {})
        at: datetime = found
        return at.astimezone(UTC)

    def close(self) -> None:
        """Gives back all connections."""
        self.engine.dispose()


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors into ours."""
    try:
        yield
    except IntegrityError as problem:
        raise ContendedError(
            f"the database holds such a row already: {_reason(problem)}"
        ) from problem
    except DBAPIError as problem:
        code = getattr(problem.orig, "sqlstate", None)
        if code in CONTENDED or "database is locked" in str(problem.orig):
            raise ContendedError(
                f"another transaction was in the way: {_reason(problem)}"
            ) from problem
        if code is not None and code[:2] in ("42", "22"):
            raise  # a statement of ours is wrong, or the schema is: no use in trying again
        raise UnavailableError(f"the database cannot be used now: {_reason(problem)}") from problem
    except PoolTimeoutError as problem:
        raise UnavailableError("all connections to the database are busy") from problem


def _reason(problem: DBAPIError) -> str:
    return str(problem.orig).strip().partition("\n")[0]
