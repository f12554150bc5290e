"""Celery, and the schedule by which the sweepers finish what was left."""

import logging.config
import os
import warnings
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, setup_logging

from optout_project import folder_broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optout_project.settings")
SPARE_CONNECTIONS = 4  # beside one for each thread


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
    "tell of reviews due soon": _every(300.0, "messaging.tasks.sweep_alerts"),
    "compare providers' lists": _every(10.0, "messaging.tasks.sweep_comparisons"),
    "tell of texts past an opt-out": _every(60.0, "messaging.tasks.sweep_incidents"),
    "read texts sent elsewhere": _every(60.0, "messaging.tasks.sweep_outside_texts"),
    "keep connections up": _every(60.0, "messaging.tasks.keep_up_connections"),
    "go on with list work": _every(5.0, "messaging.tasks.sweep_list_work"),
    "start scheduled exports": _every(15.0, "messaging.tasks.sweep_export_schedules"),
    "hand over exports": _every(15.0, "messaging.tasks.sweep_export_deliveries"),
    "delete expired files": _every(3600.0, "messaging.tasks.sweep_stored_files"),
    "delete old log-ins": _every(3600.0, "messaging.tasks.sweep_log_ins"),
    "count the day's figures": _every(15.0, "messaging.tasks.sweep_figures"),
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


@celeryd_init.connect
def size_database_pool(options: dict[str, Any] | None = None, conf: Any = None, **_: object) -> None:
    """A worker's threads each hold a database connection, whatever the web server's need is."""
    from django.conf import settings

    pool = settings.DATABASES["default"].get("OPTIONS", {}).get("pool")
    if isinstance(pool, dict):
        threads = (options or {}).get("concurrency") or settings.WORKER_THREADS
        pool["max_size"] = int(threads) + SPARE_CONNECTIONS
