#!/usr/bin/env python
"""Django's commands, with the settings that `make run` or `make serve` last used."""

import os
import sys


def main() -> None:
    """Run one command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optout_project.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed for this Python: use .venv/bin/python manage.py, made by `make run`.")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
