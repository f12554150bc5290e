"""What only shows on PostgreSQL and Redis: real concurrency, killed workers, a broker that dies."""
