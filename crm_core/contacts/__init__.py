"""Contacts: people, and the ways to reach anybody."""
