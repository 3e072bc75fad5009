"""Brings a whole system up on one machine, and keeps it up."""
