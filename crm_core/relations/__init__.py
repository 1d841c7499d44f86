"""What any record can have: attachments and tags."""
