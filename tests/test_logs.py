"""No phone number leaves through a log."""

import json
import logging
import logging.config
from datetime import UTC, datetime

import pytest
import structlog
from honcho.printer import Message

from optout_project import logs
from optout_project.processes import Processes


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("+12025550123", "+1202*****23"),
        ("+447911123456", "+4479******56"),
        ("/api/v1/opt-outs?recipient=%2B12025550123", "/api/v1/opt-outs?recipient=+1202*****23"),
        ("from 2025550123 to 12025550188", "from 20255***23 to 12025****88"),
    ],
)
def test_a_number_keeps_its_first_five_and_last_two_characters(written: str, masked: str) -> None:
    assert logs.mask_phones(written) == masked


@pytest.mark.parametrize(
    "written", ["(202) 555-0123", "202-555-0123", "202.555.0123", "1 202 555 0123", "+1 202 555 0123"]
)
def test_other_ways_of_writing_are_masked_too(written: str) -> None:
    assert "555" not in logs.mask_phones(f"text from {written}.")[-12:]
    assert "0123" not in logs.mask_phones(f"text from {written}.")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T23:06:00.123456Z",
        "f47ac10b-58cc-4372-a567-202555012345",
        "id=1732403160 took 12.5 ms",
        "10.0.12.255",
    ],
)
def test_dates_ids_and_addresses_stay_readable(text: str) -> None:
    assert logs.mask_phones(text) == text


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_every_way_into_the_log_is_masked(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    logging.config.dictConfig(logs.configure("INFO", log_format))
    structlog.get_logger("ours").warning("blocked", recipient="+12025550123", more={"list": ["+12025550124"]})
    logging.getLogger("django.request").warning("Not Found: %s", "/x/+12025550125")
    try:
        raise ValueError("+12025550126")  # noqa: TRY301 - the traceback is what is looked at
    except ValueError:
        logging.getLogger("celery.worker").exception("failed")
    written = capsys.readouterr().err
    assert written.count("+1202*****2") >= 4
    assert "+1202555" not in written


def test_the_token_of_a_webhook_address_is_in_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(logs.configure("INFO", "text"))
    token = "X0zUXzhvg3NYRyxOzGgSxfVEJdMweX-x"
    logging.getLogger("django.request").warning("Forbidden: %s", f"/webhooks/twilio/{token}/inbound?a=1")
    written = capsys.readouterr().err
    assert "/webhooks/twilio/***/inbound?a=1" in written
    assert token not in written


def test_a_link_to_a_list_is_in_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(logs.configure("INFO", "json"))
    link = "/files/eyJmIjoxMn0:1tXyZ0:Zk3-signed_part/"
    logging.getLogger("django.request").warning("Method Not Allowed (POST): %s", link)
    assert json.loads(capsys.readouterr().err)["event"] == "Method Not Allowed (POST): /files/***/"


@pytest.mark.parametrize(("log_format", "before"), [("json", ""), ("JSON", ""), ("text", "12:00:00 web")])
def test_a_line_of_json_has_nothing_before_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log_format: str, before: str
) -> None:
    """`make serve` shows the lines of several processes; whatever collects them reads each as JSON."""
    monkeypatch.setenv("LOG_FORMAT", log_format)
    line = Message("line", b'{"event": "x"}\n', datetime(2026, 11, 27, 12, tzinfo=UTC), "web", None)
    Processes()._printer.write(line)
    assert capsys.readouterr().out.partition('{"event": "x"}\n')[0].partition("  ")[0] == before
