"""What runs in a worker: one plugin behind its walls, which asks the host for everything it does not have."""
