"""Runs migrations on the engine that the caller has made."""

from __future__ import annotations

from alembic import context

from orchestrator.store.tables import metadata

engine = context.config.attributes["engine"]

with engine.execution_options(writes=True).connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=engine.dialect.name == "sqlite",
        transactional_ddl=engine.dialect.name == "postgresql",
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
