"""Processor time in tests: for what would take minutes if it were wrong, and takes no time if it is right."""

import time
from collections.abc import Callable

TRIES = 3


def runs_within(seconds: float, call: Callable[[], object]) -> bool:
    """Whether a call takes less processor time than that, once in three: patterns are compiled by the first call, and
    a busy machine only ever slows one down.
    """
    return any(_seconds_of(call) < seconds for _ in range(TRIES))


def _seconds_of(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began
