"""Plugins as administrators see them: list, enable, disable, settings, export and import."""
