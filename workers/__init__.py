"""Runs commands on Celery. The only place that knows Celery, and the only place that wires."""

from workers.connect import connect

__all__ = ["connect"]
