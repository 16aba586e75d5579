"""Where leases and sessions are kept: SQLite for one host, PostgreSQL and Redis for many."""
