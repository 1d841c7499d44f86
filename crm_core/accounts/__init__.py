"""Accounts: organisations, and persons bought from or sold to in their own name."""
