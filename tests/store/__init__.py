"""Tests of the stores: one contract for all three."""
