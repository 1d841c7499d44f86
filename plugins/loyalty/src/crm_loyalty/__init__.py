"""Loyalty points for sales orders: the first-party plugin `loyalty`."""
