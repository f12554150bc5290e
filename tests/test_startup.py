"""What the settings and the start script answer to wrong values, busy ports and signals."""

import contextlib
import os
import pty
import runpy
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from optout_project import env
from optout_project.start import box, compose, demo_lines

SECONDS_TO_START = 120
SECONDS_TO_END = 25  # it takes two or three; a machine that runs other tests beside it takes longer


def _environment(folder: Path, **values: str) -> dict[str, str]:
    """This process's environment without anything of ours, with a folder of its own."""
    own = (*env.NAMES, "SETTINGS_FILE", "DJANGO_SETTINGS_MODULE", "MAKELEVEL")
    outside = {name: value for name, value in os.environ.items() if name not in own}
    return {**outside, "VAR_DIR": str(folder), **values}


def _python(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=env.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_RATE_LIMIT_PER_MINUTE", "-5"),
        ("DATABASE_URL", "mysql://root@localhost/x"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "postgres://localhost"),
        ("DEBUG", "maybe"),
        ("ENCRYPTION_KEYS", "not-a-key"),
        ("LINKS_VALID_DAYS", "0"),
        ("LISTS_S3_REGION", "us-east-1"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("PORT", "70000"),
        ("PORT", "eight"),
        ("PUBLIC_URL", "sms.example.com"),
        ("PUBLIC_URL", "https://sms.example.com/path"),
        ("PUBLIC_URL", "https://sms.example.com:99999"),
        ("REDIS_URL", "http://localhost"),
        ("REVOKE_ALL_FROM", "31.01.2027"),
        ("SIMULATOR", "2"),
        ("SIMULATOR_FAILURE_RATE", "7"),
        ("SIMULATOR_FAILURE_RATE", "nan"),
        ("SIMULATOR_LATENCY_MS", "1.5"),
        ("SECURE_PROXY_SSL_HEADER", "X-Forwarded-Proto: https"),
        ("TRUSTED_PROXIES", "10.0.0.1, proxy.example"),
        ("TRUSTED_PROXIES", "10.0.0.1/24"),
    ],
)
def test_a_wrong_value_is_named_in_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(env.WrongSetting, match=rf"^{name} [^\n]+\.$"):
        runpy.run_path(str(env.BASE_DIR / "optout_project" / "settings.py"))


def test_a_wrong_secret_is_not_shown(tmp_path: Path) -> None:
    environment = _environment(tmp_path, ENCRYPTION_KEYS="hunter2", DATABASE_URL="postgres://app:hunter2@")
    assert "hunter2" not in _python("manage.py", "check", environment=environment).stderr


@pytest.mark.parametrize("command", [["manage.py", "check"], ["-m", "celery", "-A", "optout_project", "report"]])
def test_every_door_says_the_same_sentence(tmp_path: Path, command: list[str]) -> None:
    done = _python(*command, environment=_environment(tmp_path, DEBUG="maybe"))
    assert done.returncode == 1
    assert done.stderr == "DEBUG is 'maybe': set it to on or off.\n"


@pytest.mark.parametrize("mode", ["run", "serve"])
def test_a_start_with_a_wrong_value_leaves_the_old_settings_alone(tmp_path: Path, mode: str) -> None:
    env.write_file(tmp_path / "settings.env", {"PORT": "8000"})
    done = _python("-m", "optout_project.start", mode, environment=_environment(tmp_path, DEBUG="maybe"))
    assert done.returncode == 1
    assert done.stderr == "DEBUG is 'maybe': set it to on or off.\n"
    assert env.read_file(tmp_path / "settings.env") == {"PORT": "8000"}


def test_an_old_settings_file_has_no_say_in_a_start(tmp_path: Path) -> None:
    env.write_file(tmp_path / "settings.env", {"DEBUG": "maybe", "DATABASE_URL": "mysql://x"})
    done = _python("-m", "optout_project.start", "serve", environment=_environment(tmp_path, PORT="0"))
    assert "PORT is '0'" in done.stderr


def test_a_busy_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        done = _python("-m", "optout_project.start", "serve", environment=_environment(tmp_path, PORT=port))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Port {port}" in done.stderr
    assert "PORT=" in done.stderr


def test_secrets_are_made_once_even_by_many_processes_at_once(tmp_path: Path) -> None:
    show = "from optout_project.env import load; e = load(); print(e.text('SECRET_KEY'), e.text('ENCRYPTION_KEYS'))"

    def start(_: int) -> str:
        return _python("-c", show, environment=_environment(tmp_path)).stdout

    with ThreadPoolExecutor(6) as pool:
        seen = set(pool.map(start, range(6)))
    assert len(seen) == 1
    kept = env.read_file(tmp_path / "secrets.env")
    assert seen == {f"{kept['SECRET_KEY']} {kept['ENCRYPTION_KEYS']}\n"}
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["secrets.env"]


@pytest.mark.parametrize("content", ["", "SECRET_KEY=left\n"])
def test_a_damaged_secrets_file_is_never_made_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "secrets.env").write_text(content)
    done = _python("-c", "import optout_project.settings", environment=_environment(tmp_path))
    assert done.returncode == 1
    assert "secrets.env" in done.stderr
    assert (tmp_path / "secrets.env").read_text() == content


def test_the_process_environment_wins_over_the_file_and_the_file_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.write_file(tmp_path / "settings.env", {"PORT": "8111", "HOST": "10.0.0.1", "SECRET_KEY": "x"})
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.delenv("SETTINGS_FILE")
    monkeypatch.setenv("PORT", "8222")
    loaded = env.load()
    assert loaded.text("PORT") == "8222"
    assert loaded.text("HOST") == "10.0.0.1"


def test_a_settings_file_survives_odd_values(tmp_path: Path) -> None:
    values = {"SECRET_KEY": "$a'b\"c#d=e f", "ALLOWED_HOSTS": "*", "ENCRYPTION_KEYS": "abc=, def="}
    env.write_file(tmp_path / "settings.env", values)
    assert env.read_file(tmp_path / "settings.env") == values
    assert stat.S_IMODE((tmp_path / "settings.env").stat().st_mode) == 0o600


def test_demo_and_real_use_share_no_database_and_no_broker() -> None:
    demo, real = compose("run", {}), compose("serve", {})
    assert demo["DATABASE_URL"] != real["DATABASE_URL"]
    assert demo["BROKER_DIR"] != real["BROKER_DIR"]
    assert (demo["SIMULATOR"], real["SIMULATOR"], real["DEBUG"]) == ("on", "off", "off")


def test_what_the_caller_set_wins_over_the_mode() -> None:
    settings = compose("serve", {"PORT": "8123", "DATABASE_URL": "postgres://x/y", "REDIS_URL": "", "HOME": "/root"})
    assert settings["PORT"] == "8123"
    assert settings["PUBLIC_URL"] == "http://127.0.0.1:8123"
    assert settings["DATABASE_URL"] == "postgres://x/y"
    assert "REDIS_URL" not in settings
    assert "HOME" not in settings


def test_the_greeting_shows_one_login_per_business() -> None:
    login = {"username": "olga", "password": "secret-olga", "role": "owner"}
    demo = {
        "admin": {"username": "admin", "password": "secret-admin"},
        "tenants": [{"slug": "bright-smile-dental", "logins": [login, {"username": "b", "password": "c"}]}],
    }
    text = box(demo_lines("http://127.0.0.1:8000", demo))
    for shown in ("http://127.0.0.1:8000", "secret-admin", "olga", "bright-smile-dental", "Ctrl-C"):
        assert shown in text
    assert len({len(line) for line in text.splitlines()}) == 1


# --- The whole thing, for real ---------------------------------------------------------------------------------------


def _processes_of(folder: Path) -> list[int]:
    """Every process that was started with this VAR_DIR and is not a zombie."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"VAR_DIR={folder}\0".encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


class _Started:
    """`make serve` without make: the start script in a process group of its own."""

    def __init__(self, folder: Path, stdin: int = subprocess.DEVNULL) -> None:
        self.folder, self.port = folder, _free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "optout_project.start", "serve"],
            cwd=env.BASE_DIR,
            env=_environment(folder, PORT=str(self.port)),
            stdin=stdin,
            stdout=(folder / "out").open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def output(self) -> str:
        return (self.folder / "out").read_text()

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)

    def ended(self) -> int:
        status = self.process.wait(SECONDS_TO_END)
        assert _processes_of(self.folder) == []
        return status

    def clean_up(self) -> None:
        for pid in _processes_of(self.folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[_Started]:
    if not Path("/proc/self/environ").exists():
        pytest.skip("looks for left-over processes in /proc")
    running = _Started(tmp_path)
    try:
        yield running
    finally:
        running.clean_up()


def record_migrations(database: sqlite3.Connection) -> None:
    """The tests' tables are made from the models: note that every migration has run."""
    with database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS django_migrations"
            " (id integer PRIMARY KEY AUTOINCREMENT, app varchar(255), name varchar(255), applied datetime)"
        )
        rows = [(app, name) for app, name in MigrationLoader(None).disk_migrations or ()]
        database.executemany("INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, '2026-01-01')", rows)


@pytest.fixture
def migrated(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own database under a start: only one start has to wait until every migration has run."""
    if connection.vendor == "sqlite":
        made = sqlite3.connect(connection.settings_dict["NAME"])
        own = sqlite3.connect(tmp_path / "optout.sqlite3")
        with contextlib.closing(made), contextlib.closing(own):
            made.backup(own)
            monkeypatch.setattr(settings, "MIGRATION_MODULES", {})
            record_migrations(own)


def test_it_starts_answers_and_ends_whole_on_ctrl_c(started: _Started) -> None:
    started.wait_for("create_business")
    for page in ("healthz", "readyz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{started.port}/{page}") as response:
            assert response.status == 200
    # A terminal signals the whole group in front.
    os.killpg(started.process.pid, signal.SIGINT)
    assert started.ended() == 0
    assert "Traceback" not in started.output
    assert env.read_file(started.folder / "settings.env")["PORT"] == str(started.port)


@pytest.mark.processes
@pytest.mark.usefixtures("migrated")
def test_it_ends_when_its_terminal_is_gone_though_nobody_signals_it(tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    running = _Started(tmp_path, stdin=terminal)
    os.close(terminal)
    try:
        running.wait_for("create_business")
        os.close(controller)
        assert running.ended() == 0
    finally:
        running.clean_up()


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", ["Preparing the database", pytest.param("Starting", marks=pytest.mark.processes)])
def test_a_signal_while_it_still_starts_ends_it_too(started: _Started, step: str, number: signal.Signals) -> None:
    started.wait_for(step)
    started.process.send_signal(number)
    assert started.ended() == 0
    assert "Traceback" not in started.output


@pytest.mark.processes
@pytest.mark.usefixtures("migrated")
def test_when_one_process_dies_all_end_with_a_sentence(started: _Started) -> None:
    started.wait_for("create_business")
    server = next(
        pid for pid in _processes_of(started.folder) if b"granian" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(server, signal.SIGKILL)
    assert started.ended() == 1
    assert "The web process ended by itself" in started.output
