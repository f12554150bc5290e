"""How well and how fast replies are read: requests missed, false opt-outs, ordinary texts held, texts per second.

`python -m benchmarks.replies [--replies FILE] [--ordinary FILE] [--show]`; without files, those of tests/data. No
database is needed.
"""

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compliance.classifier import Classification, Intent, classify
from compliance.keywords.folding import plain

DATA = Path(__file__).parent.parent / "tests" / "data"
REQUESTS = {"opt_out", "opt_out_or_unclear", "not_global"}
BLOCKED = {Intent.OPT_OUT, Intent.UNCLEAR}
ROUNDS = 5


@dataclass(frozen=True)
class Reply:
    """A labelled reply; labels are those of tests/data/replies_README.md."""

    text: str
    label: str
    language: str


def main() -> None:
    """Read the files named, or those of the tests, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--replies", type=Path, default=DATA / "replies_gathered.csv", help="CSV: text, label, language"
    )
    parser.add_argument("--ordinary", type=Path, default=DATA / "sms_ham.txt", help="ordinary texts, one a line")
    parser.add_argument("--show", action="store_true", help="print the texts that were read wrongly")
    arguments = parser.parse_args()
    report(arguments.replies, arguments.ordinary, show=arguments.show)


def report(
    replies: Path = DATA / "replies_gathered.csv", ordinary: Path = DATA / "sms_ham.txt", *, show: bool = False
) -> None:
    """Print one line per figure, each with what is aimed at."""
    _report_replies(_read_replies(replies), show=show)
    _report_ordinary(_read_lines(ordinary), show=show)


def _read_replies(file: Path) -> list[Reply]:
    with file.open(newline="", encoding="utf-8") as stream:
        return [Reply(row["text"], row["label"], row.get("language") or "en") for row in csv.DictReader(stream)]


def _read_lines(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="utf-8", errors="replace").split("\n") if line.strip()]


def _report_replies(replies: list[Reply], *, show: bool) -> None:
    found = [(reply, classify(reply.text, reply.language)) for reply in replies]
    asked = [(reply, verdict) for reply, verdict in found if reply.label in REQUESTS]
    missed = [(reply.text, verdict) for reply, verdict in asked if verdict.intent not in BLOCKED]
    acted = sum(verdict.intent is Intent.OPT_OUT for _, verdict in asked)
    false = [(reply.text, verdict) for reply, verdict in found if _is_false_opt_out(reply, verdict)]
    count = max(len(asked), 1)
    _print("requests acted on or held", f"{100 * (count - len(missed)) / count:.1f} % of {len(asked)}", "99 %")
    _print("requests acted on at once", f"{100 * acted / count:.1f} % of {len(asked)}", "-")
    _print("false opt-outs among the replies", f"{len(false)} of {len(replies)}", "0")
    if show:
        _show("missed", missed)
        _show("false opt-out", false)


def _is_false_opt_out(reply: Reply, verdict: Classification) -> bool:
    return verdict.intent is Intent.OPT_OUT and reply.label not in {"opt_out", "opt_out_or_unclear"}


def _report_ordinary(texts: list[str], *, show: bool) -> None:
    found = [(text, classify(text)) for text in texts]
    out = [(text, verdict) for text, verdict in found if verdict.intent is Intent.OPT_OUT]
    held = [(text, verdict) for text, verdict in found if verdict.intent is Intent.UNCLEAR]
    count = max(len(texts), 1)
    _print("ordinary texts opted out", f"{10_000 * len(out) / count:.2f} per 10,000 of {len(texts):,}", "1")
    _print("ordinary texts held", f"{1000 * len(held) / count:.2f} per 1,000 of {len(texts):,}", "5")
    _print_speed(texts)
    if show:
        _show("opted out", out)
        _show("held", held)


def _print_speed(texts: list[str]) -> None:
    """Texts per second of processor time beside the floor: folding and splitting them, which any reader must do."""
    ours = _best_rate(classify, texts)
    floor = _best_rate(lambda text: plain(text).split(), texts)
    _print("texts read per second, one core", f"{ours:,.0f} (floor {floor:,.0f}, ratio {ours / floor:.2f})", "20,000")


def _best_rate(read: Callable[[str], object], texts: list[str]) -> float:
    """The best of a few rounds: a busy machine only ever slows one down."""
    best = 0.0
    for _ in range(ROUNDS):
        started = time.process_time()
        for text in texts:
            read(text)
        best = max(best, len(texts) / max(time.process_time() - started, 1e-9))
    return best


def _print(name: str, figure: str, aim: str) -> None:
    print(f"{name:<38} {figure:<45} aim {aim}", flush=True)


def _show(title: str, texts: list[tuple[str, Classification]]) -> None:
    for text, verdict in texts:
        print(f"  {title}: {text!r} {verdict.rule}")


if __name__ == "__main__":
    main()
