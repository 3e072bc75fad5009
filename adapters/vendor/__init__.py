"""Vendors: programs of others that run parts of our commands and report on them over REST."""

from adapters.vendor.vendors import Vendors, adapter

__all__ = ["Vendors", "adapter"]
