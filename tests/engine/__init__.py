"""Tests of the engine, played on a stage."""
