"""The SDK's protocols over the core's services: contexts as plugins see them."""
