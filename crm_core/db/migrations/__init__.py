"""Migrations of the core and the platform: frozen SQL, one script per database, run by Alembic revisions."""
