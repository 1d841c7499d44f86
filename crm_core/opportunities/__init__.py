"""Opportunities: sales that may be won."""
