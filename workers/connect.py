"""Connects engine code to an installation."""

from __future__ import annotations

from orchestrator.app import Orchestrator
from orchestrator.running import find_running
from workers.settings import load_settings
from workers.wiring import Wiring


def connect(
    database_url: str | None = None, broker_url: str | None = None, modules: str | None = None
) -> Orchestrator:
    """Gives the front door of the installation with this database and broker.

    What is not given comes from the settings; where they say nothing either, it is that of the `orchestrator up` which
    runs on this machine. Raises BadInputError for a URL that cannot be read.
    """
    from workers.celery import make_app  # noqa: PLC0415 - Celery's app reads the settings when imported

    settings = load_settings(database_url=database_url, broker_url=broker_url, modules=modules)
    told = settings.model_fields_set
    if not told & {"database_url", "broker_url"}:
        running = find_running(settings.data_path if "data_dir" in told else None)
        if running is not None:
            settings = load_settings(
                data_dir=running.data,
                database_url=running.setting("database_url"),
                broker_url=running.setting("broker_url"),
                modules=modules,
            )
    return Wiring(settings, make_app(settings.broker_url)).orchestrator
