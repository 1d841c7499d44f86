"""Two plugins for tests of what happens behind the writers: one that works, one that does what it is told."""
