"""A database of a benchmark's own, and a server on it."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

import psycopg

SERVER = os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")

PATIENCE = 180


@contextmanager
def database(name: str) -> Iterator[str]:
    """A new database on the server of TEST_DATABASE_URL, dropped at the end. Yields its address."""
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def serve(port: int, environment: Mapping[str, str]) -> Iterator[None]:
    """granian as `make serve` runs it, on a port of its own."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "2", "--blocking-threads", "4", "--no-log", "optout_project.wsgi:application"]
    process = subprocess.Popen(command, env=dict(environment))
    try:
        _wait_for_server(port)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _wait_for_server(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return
        time.sleep(0.2)
    sys.exit(f"The server did not answer on port {port}.")
