"""The plugin host: the only code that knows pluggy, entry points and manifests."""
