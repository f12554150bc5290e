"""Migrations make what the models say: the default tests make their tables of the models, on services of these."""

from io import StringIO

import pytest
from django.core.management import call_command

from optout_project.settings import INSTALLED_APPS

OURS = [name.split(".")[0] for name in INSTALLED_APPS if name.endswith("Config")]


@pytest.mark.django_db
def test_no_change_of_a_model_is_without_its_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.MIGRATION_MODULES", {})
    out = StringIO()
    try:
        call_command("makemigrations", *OURS, check_changes=True, dry_run=True, stdout=out)
    except SystemExit:
        pytest.fail(f"Run manage.py makemigrations:\n{out.getvalue()}")
