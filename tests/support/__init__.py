"""Help for tests: real databases and whatever else several test packages share."""
