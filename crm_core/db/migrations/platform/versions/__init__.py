"""The revisions of the platform, oldest first; a released one is never changed."""
