"""Web, worker and beat as the Procfile has them: they run together and end together."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import Any

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Message, Printer
from honcho.process import Popen, Process

from optout_project.env import BASE_DIR, Environment

SECONDS_TO_END = 6


def supervise() -> int:
    """Run until a signal comes, or until one of them ends and takes the others along. The answer is the exit status."""
    multiprocessing.set_start_method("fork")
    processes = Processes()
    procfile = parse_procfile((BASE_DIR / "Procfile").read_text(encoding="utf-8"))
    for name, command in procfile.processes.items():
        processes.add_process(name, command, env={**os.environ, "PYTHONUNBUFFERED": "1"}, cwd=str(BASE_DIR))
    # honcho's loop takes SIGINT and SIGTERM itself. Under nohup a closed terminal is ignored, as was asked for.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    processes.loop()
    if processes.asked_to_end_at:
        return 0
    print(f"The {processes.first_ended} process ended by itself, so all were stopped: see above.", file=sys.stderr)
    return 1


class Processes(Manager):  # type: ignore[misc] # honcho has no types
    """honcho's manager, which also knows who ended first, and bears a signal while it still starts."""

    def __init__(self) -> None:
        # What reads JSON takes no line that begins with a clock.
        super().__init__(QuietPrinter(sys.stdout, prefix=Environment(os.environ).text("LOG_FORMAT").lower() != "json"))
        self._process_ctor = LedProcess
        self.first_ended = ""
        self.asked_to_end_at = 0.0

    def terminate(self) -> None:
        """Called by a signal, and again by loop() once one has ended."""
        if not self._any_stopped():
            self.asked_to_end_at = self.asked_to_end_at or time.monotonic()
        # A process that has not told its id yet can't be signalled: _all_stopped comes back here once all have.
        if self._all_started():
            super().terminate()

    def _all_stopped(self) -> bool:
        if self.asked_to_end_at and not self.first_ended:
            self.terminate()
            if time.monotonic() - self.asked_to_end_at > SECONDS_TO_END:
                self.kill()
        ended = (name for name, process in self._processes.items() if "returncode" in process)
        self.first_ended = self.first_ended or next(ended, "")
        return bool(super()._all_stopped())


class LedProcess(Process):  # type: ignore[misc] # honcho has no types
    """A process that takes what it has started along when it ends."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._child_ctor = Group


class Group(Popen):  # type: ignore[misc] # honcho has no types
    """A web server killed leaves its workers serving, and their open pipe hides from honcho that it is gone."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        threading.Thread(target=self._end_with_leader, daemon=True).start()

    def _end_with_leader(self) -> None:
        self.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


class QuietPrinter(Printer):  # type: ignore[misc] # honcho has no types
    """Prints what the processes say, not what honcho says, and outlives a terminal that was closed."""

    def write(self, message: Message) -> None:
        """An error of the terminal must not keep us from ending the processes."""
        if message.name != "system":
            with contextlib.suppress(OSError):
                super().write(message)
                self.output.flush()
