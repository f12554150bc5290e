"""The role that docs/operating.md gives the processes on PostgreSQL."""

import os
import re

from django.db import connection

from optout_project.env import BASE_DIR

ROLE = "optout_app"


def statements() -> list[str]:
    """The SQL of the document, in its order."""
    page = (BASE_DIR / "docs" / "operating.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^ {4}(?:CREATE|GRANT|REVOKE) [^;]*;\n)+", page, re.MULTILINE)
    return [" ".join(said.split()) for block in blocks for said in block.split(";") if said.strip()]


def become_it() -> None:
    """Go on as such a role, of another name: roles are shared by all databases of a server, and one may stand there.

    For a test whose transaction is taken back, and the role with it.
    """
    own = f"{ROLE}_{os.getpid()}"
    with connection.cursor() as cursor:
        for statement in statements():
            cursor.execute(statement.replace(ROLE, own))
        cursor.execute(f"SET LOCAL ROLE {own}")
