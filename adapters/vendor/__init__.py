"""Vendors: programs of others that run parts of our commands and report on them over REST."""

from adapters.vendor.vendors import Vendors


def adapter() -> Vendors:
    """Makes the adapter; the entry point."""
    return Vendors()


__all__ = ["Vendors", "adapter"]
