"""Tests of the VDSM adapter, its simulator and its commands."""
