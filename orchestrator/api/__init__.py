"""The REST API, the feed, and the page: what comes in over HTTP."""

from orchestrator.api.app import make_app
from orchestrator.api.desk import ApiSettings

__all__ = ["ApiSettings", "make_app"]
