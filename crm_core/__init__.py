"""CRM core: a frozen schema and REST API that versioned plugins extend through hooks."""

__version__ = "0.1.0"
