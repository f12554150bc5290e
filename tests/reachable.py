"""Says in one sentence which server `make test-services` is missing."""

import os
import sys

import psycopg
import redis


def main() -> None:
    """Status 0 where both answer."""
    database, broker = os.environ["TEST_DATABASE_URL"], os.environ["TEST_REDIS_URL"]
    try:
        psycopg.connect(database, connect_timeout=3).close()
    except psycopg.Error:
        sys.exit(
            "PostgreSQL does not answer at TEST_DATABASE_URL: apt install postgresql, start it with "
            "`service postgresql start`, and let that user in and create databases."
        )
    try:
        redis.Redis.from_url(broker, socket_connect_timeout=3).ping()
    except redis.RedisError:
        sys.exit(
            "Redis does not answer at TEST_REDIS_URL: apt install redis-server, then `redis-server --daemonize yes`."
        )


if __name__ == "__main__":
    main()
