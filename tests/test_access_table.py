"""Every page and button of the admin × every role × own and foreign rows, as tests/data/access.toml has it."""

import logging
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from django.db import transaction
from django.test import Client

from messaging.providers import PROVIDERS
from tests.access_table import NO_SUCH_ROW, Line, arguments_of, known_names, lines, read_table, row_of
from tests.admin_pages import PEOPLE, Rows, build_rows, log_in, page, person, registered, visit
from tests.builders import World

FUZZ = ("-1", "1 OR 1=1", "%00", "9" * 40, "00000000-0000-0000-0000-000000000000", "../../1", "é")
ADD_A_LINE = (
    "Without a line in tests/data/access.toml: {}. Add it to the table of its model, its head says how, such as "
    '`answer = "post TC"`; for a new model `["app.model"]` with `sees = "TCA"`, and a row of it to `build_rows` in '
    "tests/admin_pages.py."
)
SEEN_BY_OPERATORS = {"accounts.tenant"}  # which businesses there are is no secret to whoever runs the installation
READING = {"accounts.AccessRecord"}  # a list that Django shows to a refused POST was read all the same
ELSEWHERE = {"sessions.session", "admin.logentry"}


@pytest.fixture
def own(world: World) -> Rows:
    return build_rows(world.acme)


@pytest.fixture
def foreign(world: World) -> Rows:
    return build_rows(world.globex)


@pytest.fixture(autouse=True)
def _quietly() -> Iterator[None]:
    """Thousands of refusals are meant to be; each would be logged and kept for a report."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def _a_provider_with_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "standard", ("tests.listing_provider", "Listing"))


def test_every_page_and_button_has_its_line() -> None:
    missing = sorted(set(arguments_of()) - known_names() - {"app_list"})
    assert not missing, ADD_A_LINE.format(", ".join(missing))
    unknown = sorted(known_names() - set(arguments_of()))
    assert not unknown, f"Lines in tests/data/access.toml without an address: {', '.join(unknown)}. Take them out."
    assert registered() == set(read_table()) - {"site"}


def test_nobody_gets_past_the_table(world: World, own: Rows, foreign: Rows) -> None:
    """First all that must be refused, which changes nothing; then all that must work. The operator visits `own`."""
    visit(world, own.business)
    clients = {code: log_in(person(world, code)) for code in PEOPLE}
    tries = [(clients[code], code, line) for code in PEOPLE for line in lines()]
    before = everything()
    faults = [fault for one in tries for fault in refusals(*one, own, foreign)]
    faults += [fault for label in read_table() for fault in deletions(clients["T"], label, own, foreign)]
    assert not faults, "\n".join(faults)
    assert changed_since(before) <= READING, "A request that was refused has changed something."
    faults = [fault for one in tries for fault in admissions(*one, own)]
    assert not faults, "\n".join(faults)


def refusals(client: Client, code: str, line: Line, own: Rows, foreign: Rows) -> Iterator[str]:
    """What must be refused: one's own row where the role may not, and the other business's row to everybody."""
    may = code in line.who
    refused = (403,) if line.method == "get" else (403, 404, 405)
    if not may:
        mine = ask(client, line, row_of(own, line) if line.wants_row else None)
        if mine not in refused:
            yield f"{code} {line.method} {line.name}: {mine} instead of {refused[0]}"
    if line.wants_row and not (code == "P" and line.of in SEEN_BY_OPERATORS):
        theirs, nothing = ask(client, line, row_of(foreign, line)), ask(client, line, NO_SUCH_ROW)
        if theirs != nothing or theirs not in ((404,) if may else (403, 404, 405)):
            yield f"{code} {line.method} {line.name}: another business's row {theirs}, no such row {nothing}"


def deletions(client: Client, label: str, own: Rows, foreign: Rows) -> Iterator[str]:
    """Nothing is deleted, by page or by action."""
    if label == "site" or read_table()[label].get("installation"):
        return
    for rows in (own, foreign):
        for method in (client.get, client.post):
            if method(page(label, "delete", rows[label].pk)).status_code != 404:
                yield f"{label} can be deleted"
        chosen = {"action": "delete_selected", "_selected_action": [rows[label].pk], "post": "yes"}
        client.post(page(label, "changelist"), chosen)


def admissions(client: Client, code: str, line: Line, own: Rows) -> Iterator[str]:
    """What must work for whom it is meant. Each try is taken back."""
    if code not in line.who or line.name in ("logout", "password_change_done"):
        return
    cookies = deepcopy(client.cookies)  # logging out everywhere gives this browser another session
    with transaction.atomic():
        status = ask(client, line, row_of(own, line) if line.wants_row else None)
        transaction.set_rollback(True)
    client.cookies = cookies
    if status not in line.statuses[code]:
        yield f"{code} {line.method} {line.name}: {status} instead of {line.statuses[code][0]}"


def ask(client: Client, line: Line, row: Any = None) -> int:
    """The status that a person gets."""
    return int(getattr(client, line.method)(line.address(row), line.data).status_code)


def test_without_a_visit_an_operator_finds_nothing_of_a_business(world: World, own: Rows) -> None:
    """Lists are empty, every page of a row is like no page, no button works; a visit elsewhere changes none of it."""
    visit(world, world.globex)
    client = log_in(world.operator)
    before = everything()
    faults = []
    for line in (line for line in lines() if "P" in line.who and line.of not in SEEN_BY_OPERATORS):
        if line.wants_row:
            status = ask(client, line, row_of(own, line))
            if status != ask(client, line, NO_SUCH_ROW) or status not in (404, 403, 405):
                faults.append(f"{line.method} {line.name}: {status}")
        elif line.name.endswith("_changelist") and (shown := client.get(line.address())).context:
            label = line.name.removesuffix("_changelist").replace("_", ".", 1)
            if label in own.by_label and label not in SEEN_BY_OPERATORS:
                shown_rows = {row.pk for row in shown.context["cl"].result_list}
                faults += [f"{label} is listed"] * (own[label].pk in shown_rows)
    assert not faults, "\n".join(faults)
    assert changed_since(before) <= READING


def changed_since(before: dict[str, str]) -> set[str]:
    """The tables that hold something else than before."""
    after = everything()
    return {name for name in before if before[name] != after[name]}


def everything() -> dict[str, str]:
    """What the database holds."""
    tables = (model for model in apps.get_models() if model._meta.label_lower not in ELSEWHERE)
    return {model._meta.label: serializers.serialize("json", model._base_manager.order_by("pk")) for model in tables}


def test_fuzzed_ids_answer_404(world: World, own: Rows) -> None:
    """What is no id of anything is never an error of ours."""
    client = log_in(world.acme.user("tenant_admin"))
    faults = []
    for line in (line for line in lines() if line.wants_row and "T" in line.who):
        address = line.address(row_of(own, line))
        shape = address.replace(str(row_of(own, line)), "{}")
        for odd in FUZZ:
            answer = getattr(client, line.method)(shape.format(odd))
            to_no_row = answer.status_code == 302 and client.get(answer["Location"]).status_code == 404
            if answer.status_code != 404 and not to_no_row:
                faults.append(f"{line.method} {shape.format(odd)}: {answer.status_code}")
    assert not faults, "\n".join(faults)
