"""The classify command: DESIGN 5, "Commands"."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from compliance.management.commands.classify import Command

ROOT = Path(__file__).parent.parent
CALL = "import sys; from compliance.management.commands.classify import Command; Command().run_from_argv(sys.argv)"
RUN = [sys.executable, "-c", CALL, "classify"]


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch | None = None, stdin: bytes = b"") -> list[dict[str, Any]]:
    out = io.StringIO()
    if monkeypatch:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    call_command(Command(stdout=out), *arguments)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_one_json_object_a_line_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch=monkeypatch, stdin="STOP\nbonjour\n\nARRÊT\r\n".encode())
    assert found == [
        {"text": "STOP", "intent": "opt_out", "rule": "en.keyword.stop", "language": "en"},
        {"text": "bonjour", "intent": "other", "rule": "none", "language": "en"},
        {"text": "", "intent": "other", "rule": "none", "language": "en"},
        {"text": "ARRÊT", "intent": "opt_out", "rule": "fr.keyword.arret", "language": "fr"},
    ]


def test_what_is_unclear_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch=monkeypatch, stdin=b"STOP ads\n")[0]["reason"] == "Asks for texts to stop."


def test_a_file_and_a_language(tmp_path: Path) -> None:
    file = tmp_path / "texts"
    file.write_text("\ufeffSTOP", encoding="utf-8")
    assert run(str(file), "--language", "fr") == [
        {"text": "STOP", "intent": "opt_out", "rule": "en.keyword.stop", "language": "fr"}
    ]


def test_a_column_of_a_csv_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 'id,text\r\n1,"HELP\nplease"\r\n2,\r\n3\r\n4,"STOP"\r\n'
    file = tmp_path / "texts.csv"
    file.write_text(rows, encoding="utf-8")
    found = run(str(file), "--csv")
    assert [row["intent"] for row in found] == ["help", "other", "other", "opt_out"]
    assert run("--csv", monkeypatch=monkeypatch, stdin=rows.encode()) == found


def test_bytes_that_are_no_text_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch=monkeypatch, stdin=b"STOP \xff\xfe\n\x00S\x00T\x00O\x00P\x00\n\xed\xa0\xbd\n")
    assert [row["intent"] for row in found] == ["opt_out", "opt_out", "other"]
    assert found[0]["text"] == "STOP \ufffd\ufffd"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["/no/such/file"], "Can't read /no/such/file: No such file or directory."),
        (["/"], "Can't read /: Is a directory."),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)


@pytest.mark.parametrize("content", ["", "id,body\n1,STOP\n"])
def test_a_missing_column_is_said_in_a_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "texts.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CommandError, match=r"has no column 'text'\."):
        run(str(file), "--csv")


def test_answers_come_as_the_texts_do() -> None:
    """Under a machine without UTF-8 settings too, and before the input ends."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with subprocess.Popen(RUN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=environment) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("arrêt 🛑\n".encode())
        process.stdin.flush()
        answer = json.loads(process.stdout.readline().decode("utf-8"))
        process.stdin.close()
    assert (answer["text"], answer["intent"]) == ("arrêt 🛑", "opt_out")
    assert process.returncode == 0
