"""The model: scripted commands, random plans of them, and what must come of each."""
