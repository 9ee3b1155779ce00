"""Use cases. Each is one database transaction with its audit record and its outbox rows; what may be sent without
being stored (receipts, acks, asking) goes out after the commit, because its lack is noticed and asked for again."""
