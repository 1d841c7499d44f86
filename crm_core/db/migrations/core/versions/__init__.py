"""The revisions of the core, oldest first; a released one is never changed."""
