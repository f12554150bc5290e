"""What load balancers and supervisors ask."""

from django.core.cache import caches
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

MIGRATED = "health:migrated"


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """The process can do its work: its database answers and has every migration."""
    try:
        problem = _problem()
    except DatabaseError:
        problem = "The database does not answer."
    if problem:
        return JsonResponse({"status": "unavailable", "problem": problem}, status=503)
    return JsonResponse({"status": "ok"})


def _problem() -> str:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT 1")
    return "" if _is_migrated() else "Migrations are missing: run manage.py migrate."


def _is_migrated() -> bool:
    """Reading every migration file takes a while, so a yes is remembered for the life of the process."""
    if caches["local"].get(MIGRATED):
        return True
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    is_complete = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    if is_complete:
        caches["local"].set(MIGRATED, True, timeout=None)
    return is_complete
