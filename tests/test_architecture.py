"""DESIGN 3 as checks on the code: who writes opt-outs, who knows a provider, what stands open to everybody."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.admindocs.views import simplify_regex
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from optout_project.celery import SWEEPERS, app
from optout_project.env import BASE_DIR

APPS = ("accounts", "compliance", "messaging", "optout_project")
PLAIN = tuple(f"compliance.{name}" for name in ("classifier", "keywords", "replies", "segments", "text_rules"))
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "services", "managers", "mixins"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the project by its dotted name, without migrations."""
    for name in APPS:
        for path in sorted((BASE_DIR / name).rglob("*.py")):
            if "migrations" not in path.parts:
                yield dotted(path), ast.parse(path.read_text(encoding="utf-8"))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(BASE_DIR).with_suffix("").parts).removesuffix(".__init__")


def belongs(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def imports_of(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def makes_opt_outs(tree: ast.Module) -> bool:
    """Whether a module uses the writing manager, or makes a row of the model itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("writes", "save_without_historical_record"):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "OptOut":
            return True
    return False


def test_only_opt_outs_writes_opt_outs() -> None:
    writers = {module for module, tree in sources() if makes_opt_outs(tree)}

    assert writers
    assert {module for module in writers if not belongs(module, "compliance.opt_outs")} == set()


def test_only_opt_outs_stages_rows_of_lists() -> None:
    users = {module for module, tree in sources() if "compliance.opt_outs.staging" in imports_of(tree)}

    assert users == {"compliance.opt_outs.bulk"}


def test_no_sql_names_the_tables_of_the_list_outside_compliance() -> None:
    tables = re.compile(r"compliance_(optout|historicaloptout|evidence|consent)\b")
    for module, tree in sources():
        if belongs(module, "compliance"):
            continue
        texts = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not [text for text in texts if tables.search(text)], module


def test_only_the_doors_of_messaging_know_a_provider() -> None:
    knowing = {
        module
        for module, tree in sources()
        if any(belongs(name, "messaging.providers") for name in imports_of(tree))
        and not belongs(module, "messaging.providers")
    }
    doors = {
        "messaging.delivery",
        "messaging.incoming",
        "messaging.receiving",
        "messaging.receiving.scene",
        "messaging.webhooks",
    }
    told_by_them = {"messaging.answering", "messaging.health", "messaging.learning"}
    setting_up = (
        "messaging.outside",
        "messaging.reconciling",
        "messaging.upkeep",
        "messaging.connections",
        "messaging.admin.connections",
        "messaging.admin.connection_forms",
        "messaging.demo",
        "messaging.management",
    )

    assert doors <= knowing
    assert {module for module in knowing - doors - told_by_them if not belongs(module, *setting_up)} == set()


def test_only_the_worker_half_hands_a_text_over() -> None:
    """Whoever sets a connection up reads and checks; `send` of a provider is called in one place."""
    calls = [
        module
        for module, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "send"
        and "provider" in ast.unparse(node.func.value)
    ]

    assert calls == ["messaging.delivery"]


def test_only_providers_know_an_http_client() -> None:
    clients = ("httpx", "requests", "urllib.request", "http.client", "urllib3")
    for module, tree in sources():
        if not belongs(module, "messaging.providers", "optout_project.start"):
            assert not [name for name in imports_of(tree) if belongs(name, *clients)], module


def test_compliance_knows_no_messaging_and_no_queue() -> None:
    for module, tree in sources():
        if belongs(module, "compliance"):
            assert not [name for name in imports_of(tree) if belongs(name, "messaging", "celery", "redis")], module
        if belongs(module, "accounts"):
            assert not [name for name in imports_of(tree) if belongs(name, "compliance", "messaging")], module


def test_the_classifier_and_its_words_import_no_django() -> None:
    for module, tree in sources():
        if belongs(module, *PLAIN):
            assert not [name for name in imports_of(tree) if belongs(name, "django", "accounts")], module


def test_numbers_are_parsed_in_one_place() -> None:
    for module, tree in sources():
        if module != "accounts.phone":
            assert not [name for name in imports_of(tree) if belongs(name, "phonenumbers")], module


def test_no_module_has_a_vague_name() -> None:
    assert [module for module, _ in sources() if VAGUE & set(module.split("."))] == []


# --- Addresses -------------------------------------------------------------------------------------------------------

OPEN_TO_EVERYBODY = {
    "/healthz",
    "/readyz",
    "/api/schema/",
    "/api/docs/",
    "/admin/login/",
}


def addresses(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, before + str(pattern.pattern))
        else:
            yield re.sub(r"<[^>]*>", "1", simplify_regex(before + str(pattern.pattern)))


@pytest.mark.django_db
def test_every_address_asks_who_is_there_or_is_on_a_short_list(client: Client, settings: LazySettings) -> None:
    """As in real use, without the simulator: 401, 403, a way to the log-in, or nothing at all."""
    settings.SIMULATOR = False
    seen = 0
    for address in addresses(get_resolver().url_patterns):
        if address in OPEN_TO_EVERYBODY:
            continue
        for method in (client.get, client.post):
            response = method(address)
            to_log_in = response.status_code == 302 and response["location"].startswith(("/admin/login/", "/admin/"))
            assert to_log_in or response.status_code in (401, 403, 404, 405), (address, response.status_code)
            seen += 1
    assert seen > 50


@pytest.mark.django_db
def test_what_is_open_to_everybody_answers(client: Client) -> None:
    for address in OPEN_TO_EVERYBODY:
        assert client.get(address).status_code == 200, address


# --- Sweepers --------------------------------------------------------------------------------------------------------


def test_every_sweeper_names_a_task_that_exists() -> None:
    app.loader.import_default_modules()
    for name, entry in SWEEPERS.items():
        assert entry["task"] in app.tasks, name


def test_every_promise_kept_later_has_a_sweeper() -> None:
    tasks = {entry["task"] for entry in SWEEPERS.values()}

    assert tasks == {
        "messaging.tasks.sweep_queued",
        "messaging.tasks.sweep_log_ins",
        "messaging.tasks.sweep_deliveries",
        "messaging.tasks.sweep_holds",
        "messaging.tasks.sweep_alerts",
        "messaging.tasks.sweep_stuck",
        "messaging.tasks.sweep_comparisons",
        "messaging.tasks.sweep_outside_texts",
        "messaging.tasks.sweep_incidents",
        "messaging.tasks.keep_up_connections",
        "messaging.tasks.sweep_list_work",
        "messaging.tasks.sweep_stored_files",
        "messaging.tasks.sweep_export_schedules",
        "messaging.tasks.sweep_export_deliveries",
        "messaging.tasks.sweep_figures",
    }


def test_celery_never_runs_eagerly() -> None:
    """It would hide what happens after the commit."""
    assert app.conf.task_always_eager is False
