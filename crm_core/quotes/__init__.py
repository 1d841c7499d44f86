"""Quotes: offers with their lines."""
