"""`orchestrator demo`: a real system, real commands, and a mishap halfway."""
