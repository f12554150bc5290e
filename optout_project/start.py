"""`make run` and `make serve`: prepares the installation and keeps its processes running until told to stop."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from optout_project.env import ANY_ADDRESS, BASE_DIR, NAMES, Environment, WrongSetting, folder, write_file
from optout_project.processes import supervise

MODES = ("run", "serve")
SECONDS_TO_ANSWER = 60
SECONDS_BETWEEN_LOOKS = 0.5
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Prepare, start everything, and stay until it ends. The answer is the exit status."""
    if len(arguments) != 1 or arguments[0] not in MODES:
        print("Usage: python -m optout_project.start run|serve", file=sys.stderr)
        return 2
    mode = arguments[0]
    end_quietly_on_signals()
    settings = compose(mode, os.environ)
    take_over(settings)
    check_port(settings["HOST"], int(settings["PORT"]))
    write_file(_var_dir() / "settings.env", settings)
    greeting = prepare(mode, settings)
    print("Starting…", flush=True)
    threading.Thread(target=watch, args=(settings, greeting), daemon=True).start()
    return supervise()


def end_quietly_on_signals() -> None:
    """Whoever ends us while we still prepare gets no traceback, and the command that runs then ends with us.

    supervise() takes the signals over; until it has, their default would end this process alone, or with a status of
    failure. Under nohup a closed terminal stays ignored.
    """
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: sys.exit(0))


def compose(mode: str, process: Mapping[str, str]) -> dict[str, str]:
    """The mode's defaults under what the caller set. An older settings.env has no say in it."""
    given = {name: process[name] for name in NAMES if process.get(name, "").strip()}
    return {**_defaults(mode, Environment(given)), **given}


def _defaults(mode: str, given: Environment) -> dict[str, str]:
    """Each mode has its own database and broker: log-ins with known passwords never reach a real installation."""
    name = "demo" if mode == "run" else "optout"
    host, port = given.text("HOST", "127.0.0.1"), given.whole("PORT", 8000, low=1, high=65535)
    own_database = f"sqlite:///{_var_dir() / name}.sqlite3"
    on_sqlite = given.text("DATABASE_URL", own_database).startswith("sqlite")
    defaults = {
        "DATABASE_URL": own_database,
        "BROKER_DIR": str(_var_dir() / f"{name}-broker"),
        "SIMULATOR": "on" if mode == "run" else "off",
        "DEBUG": "off",
        "HOST": host,
        "PORT": str(port),
        "PUBLIC_URL": address(host, port),
        "LOG_LEVEL": "WARNING" if mode == "run" else "INFO",
        # One writer at a time is SQLite's way: more processes would only wait for each other.
        "WEB_WORKERS": "1" if on_sqlite else str(os.cpu_count() or 1),
    }
    if mode == "run" and host in ANY_ADDRESS:
        # Whoever opens the demo to a network reaches it by names and addresses that we can't know.
        defaults["ALLOWED_HOSTS"] = "*"
    return defaults


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds the web server."""
    if host in ANY_ADDRESS:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def take_over(settings: Mapping[str, str]) -> None:
    """Let this process and its children see these settings alone, then load them, so that a wrong one is named now."""
    os.environ.update(settings, SETTINGS_FILE=os.devnull, DJANGO_SETTINGS_MODULE="optout_project.settings")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    import optout_project.settings  # noqa: F401


def check_port(host: str, port: int) -> None:
    """A busy or forbidden port is told before anything starts."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(found[0], found[1]) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(found[4])
    except socket.gaierror:
        raise WrongSetting(f"HOST is {host!r}, which no address is known for: set it to 127.0.0.1.") from None
    except OSError as error:
        raise WrongSetting(
            f"Port {port} on {host} cannot be used ({error.strerror}): choose another, such as PORT={_other(port)}."
        ) from None


def _other(port: int) -> int:
    return port + 1 if 1024 <= port < 65535 else 8000


def prepare(mode: str, settings: Mapping[str, str]) -> str:
    """Migrations, then the demo. What comes back is the text to show once the web server answers."""
    print("Preparing the database…", flush=True)
    manage("migrate", "--verbosity=0")
    url = address(settings["HOST"], int(settings["PORT"]))
    if mode == "serve":
        return box(serve_lines(url, settings["PUBLIC_URL"]))
    print("Preparing the demo businesses…", flush=True)
    return box(demo_lines(url, json.loads(manage("demo", "--json").strip().splitlines()[-1])))


def manage(*arguments: str) -> str:
    """Run a management command. Where it fails, its last line says why and the command itself shows more."""
    command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
    status, output, errors = run_to_its_end(command)
    if status:
        reason = (errors.strip() or output.strip() or "no reason given").splitlines()[-1]
        raise SystemExit(f"{reason}\n(`.venv/bin/python manage.py {arguments[0]}` failed; run it to see more.)")
    sys.stderr.write(errors)
    return output


def run_to_its_end(command: list[str]) -> tuple[int, str, str]:
    """Status, output and errors of a command. A signal that ends us ends it too, even one that comes while it starts.

    subprocess.run leaves a command behind where a signal comes after the fork and before it knows of its child.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        running = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_signals,  # noqa: PLW1509 - no threads run yet
        )
    except BaseException:
        _hear_signals()
        raise
    with running:
        try:
            _hear_signals()
            output, errors = running.communicate()
        except BaseException:
            running.kill()
            raise
    return running.returncode, output, errors


def _hear_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def demo_lines(url: str, demo: Mapping[str, Any]) -> list[str]:
    """Where to look and how to log in to the demo."""
    lines = [f"Open {url}", "", f"Log in at {url}/admin/ (demo log-ins, here alone):"]
    logins = [("the installation", demo["admin"])]
    logins += [(tenant["slug"], tenant["logins"][0]) for tenant in demo["tenants"] if tenant["logins"]]
    lines += [f"  {login['username']}  /  {login['password']}   ({what})" for what, login in logins]
    return [*lines, "", "Stop with Ctrl-C."]


def serve_lines(url: str, public_url: str) -> list[str]:
    """What to do with a new installation."""
    return [
        f"Open {url}/admin/",
        "",
        "Create the first business, its number and an admin:",
        "  .venv/bin/python manage.py create_business",
        "",
        f"Providers call {public_url}/webhooks/…  (set PUBLIC_URL to the address they reach)",
        "",
        "Stop with Ctrl-C.",
    ]


def box(lines: list[str]) -> str:
    """Lines in a frame."""
    width = max(map(len, lines))
    inside = [f"│ {line.ljust(width)} │" for line in lines]
    return "\n".join([f"┌{'─' * (width + 2)}┐", *inside, f"└{'─' * (width + 2)}┘"])


def watch(settings: Mapping[str, str], greeting: str) -> None:
    """Greet once the web server answers; end when nobody is left who could say so."""
    url, greeted = address(settings["HOST"], int(settings["PORT"])) + "/healthz", False
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    is_left_alone = left_alone()
    while not is_left_alone():
        if not greeted and (answers(url) or time.monotonic() > deadline):
            greeted = True
            with contextlib.suppress(OSError):
                print(greeting, flush=True)
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)


def left_alone() -> Callable[[], bool]:
    """Tells whether make, which started us, is gone, or our terminal.

    A closed terminal signals the one process that leads its session. Where that is make, make waits for us instead
    of passing the signal on.
    """
    parent, under_make = os.getppid(), "MAKELEVEL" in os.environ
    terminals = select.poll()
    for stream in filter(None, (sys.stdin, sys.stdout, sys.stderr)):
        if stream.isatty() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            terminals.register(stream, 0)
    return lambda: bool(terminals.poll(0)) or (under_make and os.getppid() != parent)


def answers(url: str) -> bool:
    """Somebody answers at the address, if only that this name is not among ALLOWED_HOSTS."""
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own http address
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _var_dir() -> Path:
    return folder(Environment(os.environ).path("VAR_DIR", BASE_DIR / "var"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
