"""Tests of what runs on Celery."""
