"""Tests of the vendor adapter and of the vendor's own program."""
