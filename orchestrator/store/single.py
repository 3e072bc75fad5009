"""Requests with a key: all that one reads and writes is one transaction, and its answer is stored in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from orchestrator.core.errors import ContendedError
from orchestrator.core.once import DoneBefore, Kept
from orchestrator.core.ports import Transaction
from orchestrator.store.direct import Direct, Row
from orchestrator.store.reads import Reads, Rows, Values
from orchestrator.store.sql import SqlStore, translated
from orchestrator.store.tables import keyed_request
from orchestrator.store.tokens import SqlTokens
from orchestrator.store.transaction import SqlTransaction
from orchestrator.store.webhooks import SqlWebhooks

_k = keyed_request.c


class SqlRequests:
    """Implements `orchestrator.core.once.Requests`."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def find(self, key: str) -> Kept | None:
        """Gives what is kept under a key."""
        with self._store.reading() as connection:
            one = sa.select(_k.digest, _k.answer).where(_k.key == key)
            row = connection.execute(one).first()
        return None if row is None else Kept(row.digest, row.answer)

    def single(self, key: str, digest: str) -> SqlSingle:
        """Gives a transaction for a request."""
        return SqlSingle(self._store, key, digest)

    def forget(self, before: datetime) -> int:
        """Forgets what was answered before then; says how many there were."""
        with self._store.writing() as connection:
            return connection.execute(sa.delete(keyed_request).where(_k.at < before)).rowcount


class SqlSingle:
    """Implements `orchestrator.core.once.Single`."""

    def __init__(self, store: SqlStore, key: str, digest: str) -> None:
        self.store = OneTransaction(store, key, digest)
        self.tokens = SqlTokens(self.store)
        self.webhooks = SqlWebhooks(self.store)
        self._key = key

    @property
    def is_open(self) -> bool:
        """Tells whether something was written, which nobody else sees yet."""
        return self.store.is_open

    def let_go(self) -> None:
        """Takes back what was written, and holds nothing any more."""
        self.store.end(commit=False)

    def keep(self, answer: str) -> None:
        """Stores the answer and commits. Raises ContendedError when the transaction was broken."""
        with self.store.writing() as connection:
            connection.execute(
                sa.update(keyed_request).where(_k.key == self._key).values(answer=answer)
            )
        with translated():
            self.store.end(commit=True)


class OneTransaction(SqlStore):
    """A store whose every transaction is a piece of one, from the first write until that is ended."""

    def __init__(self, store: SqlStore, key: str, digest: str) -> None:
        self.__dict__.update(store.__dict__)  # the same engine and statements, by reference
        self._key, self._digest = key, digest
        self._open: sa.Connection | None = None
        self._pieces = 0
        self._is_broken = False

    @property
    def is_open(self) -> bool:
        """Tells whether something was written; broken, it is open to be refused."""
        return self._pieces > 0 or self._is_broken

    def end(self, *, commit: bool) -> None:
        """Ends the transaction; the next write would begin another one."""
        connection, self._open, self._pieces = self._open, None, 0
        if connection is None:
            return
        try:
            if commit:
                connection.commit()
            else:
                connection.rollback()
        finally:
            connection.close()

    @contextmanager
    def _piece(self) -> Iterator[sa.Connection]:
        if self._is_broken:
            raise ContendedError("a part of this request could not be done; ask again")
        try:
            with translated():
                connection = self._begun()
                # A piece that is refused takes nothing back of those before it: in bulk each stands by itself.
                with connection.begin_nested() if self._pieces else nullcontext():
                    yield connection
        except BaseException:
            if not self._pieces or not self._is_whole:
                self._is_broken = self._pieces > 0
                self.end(commit=False)
            raise
        self._pieces += 1

    @property
    def _is_whole(self) -> bool:
        found = self._open
        return found is not None and not found.invalidated and found.in_transaction()

    def _begun(self) -> sa.Connection:
        if self._open is None:
            row = {"key": self._key, "digest": self._digest, "answer": "", "at": self.now()}
            self._open = self._writing.connect()
            self._open.begin()
            # Who asks the same at the same time waits here until this request is over.
            insert = (
                postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
            )
            noted = insert(keyed_request).values(row).on_conflict_do_nothing().returning(_k.key)
            if self._open.execute(noted).first() is None:
                raise DoneBefore
        return self._open

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        with self._piece() as connection:
            yield SqlTransaction(self._writing, self._known, connection)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        with self._piece() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Reads]:
        if self._open is None:
            with super().reading() as reads:
                yield reads
        else:
            with translated():
                yield ReadsWithin(self._open)

    def alone(
        self, statement: Direct, given: Mapping[str, Any], *, writes: bool = False
    ) -> list[Row]:
        if writes:
            with self.writing() as connection:
                return statement.run(connection, given)
        if self._open is None:
            return super().alone(statement, given)
        with translated():
            return statement.run(self._open, given)


class ReadsWithin(Reads):
    """Reads in the midst of a transaction: what is cut off there cannot be read again."""

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(connection.engine)
        self._open = connection

    def execute(self, statement: sa.Executable, parameters: Values | None = None) -> Rows:
        """Runs one statement."""
        return self.connection.execute(statement, parameters)

    def close(self) -> None:
        """Leaves the connection to the transaction."""
