"""Celery, and the schedule by which the sweepers finish what was left."""

import logging.config
import os
import warnings
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from optout_project import folder_broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optout_project.settings")


def _every(seconds: float, task: str) -> dict[str, Any]:
    """A turn of a sweeper that no worker took in time is dropped: the next one does its work.

    `enabled` is written again at every start of beat, so that a sweeper switched off comes back.
    """
    return {
        "task": task,
        "schedule": seconds,
        "enabled": True,
        "options": {"expire_seconds": max(int(seconds * 2), 30)},
    }


SWEEPERS = {
    "sweep queued messages": _every(5.0, "messaging.tasks.sweep_queued"),
    "sweep failed deliveries": _every(15.0, "messaging.tasks.sweep_deliveries"),
    "sweep holds past due": _every(60.0, "messaging.tasks.sweep_holds"),
    "sweep stuck messages": _every(30.0, "messaging.tasks.sweep_stuck"),
}

# It warns root, for the sake of pickled messages. Ours are JSON.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

folder_broker.register()
app = Celery("optout_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SWEEPERS
app.autodiscover_tasks()


@setup_logging.connect
def use_our_logging(**_: object) -> None:
    """Without a receiver Celery replaces our handlers, and with them the masking of phone numbers."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
