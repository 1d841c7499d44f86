"""What a plugin's migrations may say to the database, and running those of plugins in processes of their own."""
