"""Reads the environment. A wrong value ends the process with one sentence that names it."""

import os
import secrets
import tempfile
from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet

BASE_DIR = Path(__file__).resolve().parent.parent

# Every name we read. What `make run` and `make serve` were given of these is kept for manage.py.
NAMES = (
    "ALLOWED_HOSTS",
    "API_RATE_LIMIT_PER_MINUTE",
    "BROKER_DIR",
    "DATABASE_URL",
    "DEBUG",
    "EMAIL_FROM",
    "EMAIL_URL",
    "ENCRYPTION_KEYS",
    "FILES_DIR",
    "FILES_KEPT_DAYS",
    "HOST",
    "LINKS_VALID_DAYS",
    "LISTS_S3_ACCESS_KEY",
    "LISTS_S3_BUCKET",
    "LISTS_S3_ENDPOINT",
    "LISTS_S3_FOLDER",
    "LISTS_S3_REGION",
    "LISTS_S3_SECRET_KEY",
    "LOG_FORMAT",
    "LOG_INS_KEPT_DAYS",
    "LOG_LEVEL",
    "OPERATORS_NEED_SECOND_STEP",
    "PORT",
    "PUBLIC_URL",
    "REDIS_URL",
    "REVOKE_ALL_FROM",
    "SECRET_KEY",
    "SECURE_PROXY_SSL_HEADER",
    "SESSION_HOURS",
    "SESSION_IDLE_MINUTES",
    "SIMULATOR",
    "SIMULATOR_FAILURE_RATE",
    "SIMULATOR_LATENCY_MS",
    "TRUSTED_PROXIES",
    "UPLOAD_LIMIT_MB",
    "WEB_THREADS",
    "WEB_WORKERS",
    "WORKER_THREADS",
)
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
SECRET_NAMES = ("SECRET_KEY", "ENCRYPTION_KEYS")
FLAGS = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


class WrongSetting(SystemExit):
    """Ends any process that loads the settings: its sentence on stderr, status 1, no traceback."""


class Environment:
    """Typed reading of a mapping of texts. An empty text counts as not set."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        """The value as it stands, without the spaces around it."""
        return self._values.get(name, "").strip() or default

    def flag(self, name: str, default: bool) -> bool:
        """On or off, in any of the usual words."""
        value = self.text(name, "on" if default else "off")
        if value.lower() not in FLAGS:
            raise WrongSetting(f"{name} is {value!r}: set it to on or off.")
        return FLAGS[value.lower()]

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds."""
        value = self.text(name, str(default))
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise WrongSetting(f"{name} is {value!r}: set it to a whole number from {low} to {high}.")
        return int(value)

    def fraction(self, name: str, default: float) -> float:
        """A number from 0 to 1."""
        value = self.text(name, str(default))
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            raise WrongSetting(f"{name} is {value!r}: set it to a number from 0 to 1.")
        return number

    def day(self, name: str, default: str) -> date:
        """A date written YYYY-MM-DD."""
        value = self.text(name, default)
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise WrongSetting(f"{name} is {value!r}: set it to a date such as {default}.") from None

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """One of a few words, whatever its case."""
        value = self.text(name, default)
        for word in allowed:
            if value.lower() == word.lower():
                return word
        raise WrongSetting(f"{name} is {value!r}: set it to one of {', '.join(allowed)}.")

    def items(self, name: str, default: list[str]) -> list[str]:
        """A list separated by commas."""
        found = [item.strip() for item in self.text(name).split(",")]
        return [item for item in found if item] or default

    def networks(self, name: str) -> list[IPv4Network | IPv6Network]:
        """Addresses and networks, separated by commas."""
        try:
            return [ip_network(item) for item in self.items(name, [])]
        except ValueError as error:
            raise WrongSetting(f"{name} is wrong, {error}: set it to networks such as 10.0.0.0/24.") from None

    def header(self, name: str, default: str) -> str:
        """The name of a header, as a request's META has it."""
        value = self.text(name, default)
        if not value.replace("-", "").isalnum() or not value.isascii():
            raise WrongSetting(f"{name} is {value!r}: set it to the name of a header, such as {default}.")
        return "HTTP_" + value.upper().replace("-", "_")

    def path(self, name: str, default: Path) -> Path:
        """A folder or file; a relative one is meant from the project's folder."""
        return BASE_DIR / Path(self.text(name, str(default))).expanduser()

    def address(self, name: str, default: str) -> str:
        """Scheme, host and port of a web address, without a slash at the end."""
        value = self.text(name, default).rstrip("/")
        if not _is_origin(value):
            raise WrongSetting(
                f"{name} is {value!r}: set it to scheme and host alone, such as https://sms.example.com."
            )
        return value

    def redis(self, name: str) -> str:
        """The address of a Redis server, or nothing."""
        value = self.text(name)
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise WrongSetting(f"{name} must start with redis://, rediss:// or unix://.")
        return value

    def email(self, name: str) -> dict[str, Any]:
        """How to send e-mail, as Django's settings; nothing where the value is empty."""
        value = self.text(name)
        if not value:
            return {}
        try:
            found: dict[str, Any] = dict(environ.Env.email_url_config(value))
        except Exception:  # noqa: BLE001 - django-environ raises whatever the parts of the address make it raise
            found = {}
        if not found.get("EMAIL_BACKEND") or ("smtp" in value and not found.get("EMAIL_HOST")):
            raise WrongSetting(f"{name} can't be read: write it like smtp+tls://user:password@mail.example.com:587.")
        return found

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Django's description of the database at an address."""
        value = self.text(name, default)
        if value.startswith("sqlite:///") and len(value) > len("sqlite:///"):
            config = dict(environ.Env.db_url_config(value))
            return {**config, "NAME": str(BASE_DIR / config["NAME"])}
        if value.startswith(("postgres://", "postgresql://")):
            return _postgres(name, value)
        raise WrongSetting(f"{name} must look like sqlite:////folder/file.sqlite3 or postgres://user@host/name.")

    def fernet_keys(self, name: str) -> list[str]:
        """Fernet keys, newest first. Their values never reach a message."""
        keys = self.items(name, [])
        for position, key in enumerate(keys, start=1):
            try:
                Fernet(key)
            except ValueError:
                raise WrongSetting(
                    f"{name} holds no Fernet key at place {position}: "
                    "each is 32 random bytes in URL-safe base64, 44 characters."
                ) from None
        return keys


def _is_origin(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        return False
    bare = f"{parts.scheme}://{parts.netloc}" == value and "@" not in parts.netloc
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port_is_valid and bare


def _postgres(name: str, value: str) -> dict[str, Any]:
    try:
        config = dict(environ.Env.db_url_config(value))
    except (ValueError, TypeError):
        config = {}
    if not config.get("NAME"):
        raise WrongSetting(f"{name} must name a database: postgres://user:password@host:5432/name.")
    return config


def load() -> Environment:
    """The process environment first, then what `make run` or `make serve` wrote, then the kept secrets."""
    process = {name: value for name, value in os.environ.items() if value.strip()}
    var_dir = Environment(process).path("VAR_DIR", BASE_DIR / "var")
    settings_file = Environment(process).path("SETTINGS_FILE", var_dir / "settings.env")
    layers: MutableMapping[str, str] = ChainMap(process, read_file(settings_file))
    if not all(layers.get(name, "").strip() for name in SECRET_NAMES):
        layers = ChainMap(process, layers, _secrets(var_dir / "secrets.env"))
    return Environment({**layers, "VAR_DIR": str(var_dir)})


def read_file(path: Path) -> dict[str, str]:
    """NAME=value lines; a file that is not there has none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{path} cannot be read ({error}): give this user the right to read it.") from None
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    found = {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
    return {name: value for name, value in found.items() if value}


def write_file(path: Path, values: Mapping[str, str]) -> None:
    """Replace a file of NAME=value lines in one step, readable by its owner alone."""
    for name, value in values.items():
        if "\n" in value:
            raise WrongSetting(f"{name} has a line break in it: put it on one line.")
    draft = _draft(path, values)
    draft.replace(path)


def folder(path: Path) -> Path:
    """The folder, made where it is missing."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSetting(f"The folder {path} cannot be made ({error.strerror}): set VAR_DIR to one.") from None
    return path


def _secrets(path: Path) -> dict[str, str]:
    """Secrets made once. A file that stands is never written again: its keys open what is already encrypted."""
    if not path.exists():
        _create_once(path, {"SECRET_KEY": secrets.token_urlsafe(50), "ENCRYPTION_KEYS": Fernet.generate_key().decode()})
    found = read_file(path)
    missing = [name for name in SECRET_NAMES if name not in found]
    if missing:
        raise WrongSetting(f"{path} has no {missing[0]}: bring the file back from a backup or set {missing[0]}.")
    return found


def _create_once(path: Path, values: Mapping[str, str]) -> None:
    """A link fails where the name is taken, so two processes that start at once end with one whole file."""
    draft = _draft(path, values)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _draft(path: Path, values: Mapping[str, str]) -> Path:
    folder(path.parent)
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as draft:
            draft.write(lines)
            draft.flush()
            os.fsync(draft.fileno())
    except OSError as error:
        raise WrongSetting(f"{path} cannot be written ({error.strerror}): set VAR_DIR to a folder of yours.") from None
    return Path(draft.name)
