"""The project: settings, addresses, background processes. Its Celery app serves `@shared_task` everywhere."""

from optout_project.celery import app as celery_app

__all__ = ["celery_app"]
