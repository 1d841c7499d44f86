"""Plugins in processes of their own: confinement, the channel to them, and what runs on its other end."""
