"""The table “Who may what” of the documentation is the one that the code holds people to."""

import tomllib
from pathlib import Path
from typing import Any

from accounts.roles import ROLE_PERMISSIONS, Role
from tests.access_table import read_table
from tests.admin_pages import PEOPLE

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "admin.md"
COLUMNS = {
    Role.TENANT_ADMIN: "Admin",
    Role.COMPLIANCE_OFFICER: "Compliance officer",
    Role.SITE_MANAGER: "Site manager",
    Role.EMPLOYEE: "Employee",
    Role.AUDITOR: "Auditor",
    Role.PLATFORM_OPERATOR: "Platform operator, in a visit",
}
NOTHING = "–"


def read_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "data" / "who_may_what.toml").read_text())[
        "row"
    ]
    return rows


def holds(role: Role, permissions: list[str]) -> bool:
    return role == Role.PLATFORM_OPERATOR or ROLE_PERMISSIONS[role].issuperset(permissions)


def cell(row: dict[str, Any], role: Role) -> str:
    if role == Role.PLATFORM_OPERATOR and "operators" in row:
        return str(row["operators"])
    word = next((word for word, *permissions in row["words"] if holds(role, permissions)), NOTHING)
    limit = row.get("limits", {}).get(role)
    return f"{word}: {limit}" if limit and word != NOTHING else word


def fill_in() -> list[str]:
    """The table as it must stand on the page."""
    lines = [f"| | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += [f"| {' | '.join([row['what'], *(cell(row, role) for role in COLUMNS)])} |" for row in read_rows()]
    return lines


def test_the_page_says_what_the_roles_may() -> None:
    section = PAGE.read_text().split("## Who may what\n", 1)[1].split("\n## ", 1)[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    wanted = fill_in()
    assert table == wanted, "Put this table into docs/admin.md, “Who may what”:\n\n" + "\n".join(wanted)


def test_every_permission_has_its_row() -> None:
    said = {permission for row in read_rows() for _, *permissions in row["words"] for permission in permissions}
    held = set().union(*ROLE_PERMISSIONS.values())
    missing = {permission for permission in held - said if not _goes_without_saying(permission, said)}
    assert not missing, f"Add a row or a word to tests/data/who_may_what.toml for {', '.join(sorted(missing))}."
    assert said <= held, f"Nobody holds {', '.join(sorted(said - held))}."


def _goes_without_saying(permission: str, said: set[str]) -> bool:
    """Whoever may change something may see it."""
    return permission.replace(".view_", ".change_", 1) in said


def test_the_pages_open_for_those_who_hold_the_permission() -> None:
    """tests/data/access.toml, which every page is tried against, says the same as the roles."""
    faults = []
    for label, entry in read_table().items():
        if label == "site" or entry.get("installation"):
            continue
        app, model = label.split(".")
        for key, verb in (("sees", "view"), ("adds", "add"), ("changes", "change")):
            if key not in entry and verb != "view":  # made or changed on pages of its own
                continue
            may = {code for code, role in PEOPLE.items() if f"{app}.{verb}_{model}" in ROLE_PERMISSIONS[role]}
            if may != set(entry.get(key, "")) - {"P"}:
                faults.append(f"{label}: {key} = {entry.get(key, '')!r}, but {verb} is held by {sorted(may)}")
    assert not faults, "\n".join(faults)
