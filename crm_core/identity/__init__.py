"""Identity: tenants, principals, roles, permissions and API keys."""
