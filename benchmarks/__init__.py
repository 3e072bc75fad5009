"""Measures what a durable step costs, beside the peers and beside the database's own limit."""
