"""Tests of whole flows, written for an operator to read."""
