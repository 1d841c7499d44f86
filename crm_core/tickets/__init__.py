"""Tickets: questions and complaints to be resolved."""
