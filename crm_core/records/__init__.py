"""Records: what every record type can do, whatever it is about (create, read, list, change, delete)."""
