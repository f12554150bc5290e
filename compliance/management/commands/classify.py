"""Try the classifier on texts: one JSON object a line (DESIGN 5)."""

import csv
import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError

from compliance.classifier import classify

_COLUMN = "text"
_LONGEST_FIELD = 10_000_000


class Command(BaseCommand):
    """Reads a file or standard input and prints what each text asks for, as it reads."""

    help = "Print what each text asks for, one JSON object a line."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One text a line, or a column of a CSV file."""
        parser.add_argument("file", nargs="?", default="-", help="a file, one text a line (default: standard input)")
        parser.add_argument("--language", default="en", help="the conversation's language, such as en or fr")
        parser.add_argument("--csv", action="store_true", help=f"read the column {_COLUMN!r} of a CSV file")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Decide each text in turn; nothing is kept."""
        _speak_utf8()
        try:
            with _open(options["file"]) as stream:
                for text in _column(stream, options["file"]) if options["csv"] else _lines(stream):
                    self.stdout.write(_decision(text, options["language"]))
                    self.stdout.flush()
        except BrokenPipeError:
            # The reader has seen enough ("| head"); without this Python complains once more when it closes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _decision(text: str, language: str) -> str:
    found = classify(text, language)
    answer = {"text": text, "intent": found.intent, "rule": found.rule, "language": found.language}
    if found.reason:
        answer["reason"] = found.reason
    return json.dumps(answer, ensure_ascii=False)


@contextmanager
def _open(name: str) -> Iterator[IO[str]]:
    """The file or standard input as text; bytes that are not UTF-8 become U+FFFD, as in texts that come in."""
    try:
        if name == "-":
            yield _standard_input()
        else:
            with Path(name).open(encoding="utf-8-sig", errors="replace", newline="") as stream:
                yield stream
    except OSError as error:
        if error.filename is None:
            raise
        raise CommandError(f"Can't read {name}: {error.strerror}.") from error


def _standard_input() -> IO[str]:
    return TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", errors="replace", newline="")


def _lines(stream: Iterable[str]) -> Iterator[str]:
    return (line.rstrip("\r\n") for line in stream)


def _column(stream: Iterable[str], name: str) -> Iterator[str]:
    csv.field_size_limit(_LONGEST_FIELD)
    rows = csv.DictReader(stream)
    try:
        if _COLUMN not in (rows.fieldnames or ()):
            raise CommandError(f"{'Standard input' if name == '-' else name} has no column {_COLUMN!r}.")
        for row in rows:
            yield row[_COLUMN] or ""
    except csv.Error as error:
        raise CommandError(f"Line {rows.line_num} is no readable CSV: {error}.") from error


def _speak_utf8() -> None:
    """JSON is UTF-8 wherever the output goes, whatever the machine's language settings."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
