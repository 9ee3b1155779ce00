"""The host's database: tables, transactions and queries. Nothing here decides anything."""
