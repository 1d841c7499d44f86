"""HTTP plumbing that knows no record type: operations, answers, problems, idempotency, OpenAPI."""
