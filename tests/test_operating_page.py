"""What docs/operating.md and docker-compose.yml say is what the system needs."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from compliance.triggers import APPEND_ONLY, NEVER_DELETED
from optout_project.env import BASE_DIR
from tests.restricted_role import statements

SERVICES = ("web", "worker", "beat")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())
    return read


@pytest.mark.parametrize(
    ("refused", "tables"),
    [("UPDATE, DELETE", APPEND_ONLY), ("DELETE", NEVER_DELETED)],
    ids=["append-only", "never deleted"],
)
def test_the_role_of_the_processes_can_change_no_record(refused: str, tables: Iterable[str]) -> None:
    (statement,) = (said for said in statements() if said.startswith(f"REVOKE {refused} ON"))
    assert set(re.findall(r"\w+_\w+", statement.removesuffix("FROM optout_app"))) == set(tables)


def test_a_setting_of_the_shell_moves_no_container_away_from_its_neighbours(compose: dict[str, Any]) -> None:
    """`.env` may come from a start without containers: addresses and folders of this machine mean nothing inside."""
    for name in (*SERVICES, "migrate"):
        service = compose["services"][name]
        own = service["environment"]
        assert {"DATABASE_URL", "REDIS_URL", "VAR_DIR", "FILES_DIR", "HOST", "PORT"} <= own.keys()
        assert Path(own["FILES_DIR"]).is_relative_to(own["VAR_DIR"])
        assert service["volumes"] == [f"var:{own['VAR_DIR']}"]


def test_the_public_address_follows_the_port(compose: dict[str, Any]) -> None:
    web = compose["services"]["web"]
    assert web["ports"] == ["${HOST:-127.0.0.1}:${PORT:-8000}:8000"]
    assert web["environment"]["PUBLIC_URL"] == "${PUBLIC_URL:-http://127.0.0.1:${PORT:-8000}}"


def test_containers_write_json_alone(compose: dict[str, Any]) -> None:
    image = (BASE_DIR / "Dockerfile").read_text()
    assert "LOG_FORMAT=json" in image
    assert 'CMD ["honcho", "start", "--no-prefix", "web"]' in image
    for name in SERVICES:
        assert compose["services"][name]["command"] == f"honcho start --no-prefix {name}"
