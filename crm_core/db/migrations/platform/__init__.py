"""The migrations of the platform."""
