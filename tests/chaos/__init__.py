"""Chaos on real processes: everything is killed, frozen, flushed and restarted, and nothing may be lost."""
