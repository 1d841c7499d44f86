"""What happened, to read: the audit trail and the moves from stage to stage."""
