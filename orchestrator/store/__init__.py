"""Where commands live: SQL in production, memory in tests; both pass the same contract."""
