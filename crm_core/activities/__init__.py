"""Activities: what people do or have to do."""
