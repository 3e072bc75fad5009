"""Tests of the web page: a real browser, the real API, commands played on a stage."""
