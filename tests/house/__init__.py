"""Tests of the house itself: directions, sizes, words."""
