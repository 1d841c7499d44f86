"""The migrations of the core."""
