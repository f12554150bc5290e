"""What a person sees where nothing is, and after logging in: a page, not a bare line."""

import pytest
from django.test import Client

from tests.builders import PASSWORD, Business


def test_a_wrong_address_gets_a_page(client: Client) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_a_form_without_its_token_gets_a_page(acme: Business) -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "x"})
    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()


def test_a_broken_view_gets_a_page(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("messaging.handset.views.set_stage", broken)
    answer = Client(raise_request_exception=False).get("/")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()


def test_logging_in_without_a_way_on_leads_to_the_start_page(acme: Business, client: Client) -> None:
    entry = {"username": "acme-auditor", "password": PASSWORD}
    answer = client.post("/admin/login/", entry)
    assert (answer.status_code, answer.headers["location"]) == (302, "/admin/")
