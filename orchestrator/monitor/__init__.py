"""What people see: projections of the stored commands. Reads only."""
