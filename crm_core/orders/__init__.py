"""Sales orders with their lines."""
