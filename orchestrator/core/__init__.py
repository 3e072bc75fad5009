"""The pure core: nouns and the machine. No clock, network, database, randomness or logging."""
