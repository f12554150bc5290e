"""A process of its own on the tests' database: to be killed, to face a broken broker, to run as in real use."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from django.conf import settings
from django.db import connection

from optout_project.env import BASE_DIR

START = "import django; django.setup()\n"


def environment(**more: str) -> dict[str, str]:
    """The settings of a process that shares this test's database."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "optout_project.settings",
        "PYTHONPATH": str(BASE_DIR),
        "PYTHONUNBUFFERED": "1",
        "SETTINGS_FILE": os.devnull,
        "VAR_DIR": str(settings.VAR_DIR),
        "DATABASE_URL": _database_url(),
        "SECRET_KEY": settings.SECRET_KEY,
        "ENCRYPTION_KEYS": settings.ENCRYPTION_KEYS[0],
        "SIMULATOR": "on",
        "ALLOWED_HOSTS": "testserver,127.0.0.1",
        "PUBLIC_URL": "http://testserver",
        "LOG_LEVEL": "WARNING",
        **more,
    }


def _database_url() -> str:
    database: Mapping[str, Any] = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    password = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    port = f":{database['PORT']}" if database["PORT"] else ""
    return f"postgres://{database['USER']}{password}@{database['HOST']}{port}/{database['NAME']}"


@contextmanager
def running(code: str, **more: str) -> Iterator["subprocess.Popen[str]"]:
    """Run Python code in a process, which is killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", START + code],
        env=environment(**more),
        cwd=BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: "subprocess.Popen[str]") -> None:
    """SIGKILL, and wait until it is gone."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    if process.stdout:
        process.stdout.close()


def output(process: "subprocess.Popen[str]") -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def result_of(code: str, *, timeout: float = 60, **more: str) -> Any:
    """Run Python code to its end; what it prints last is JSON, and the answer."""
    done = subprocess.run(
        [sys.executable, "-c", START + code],
        env=environment(**more),
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])
