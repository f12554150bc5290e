"""A queue of what happens when, and moments in a business's own days."""

import heapq
from collections.abc import Callable
from datetime import datetime, time, timedelta
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

Action = Callable[[datetime], object]
BEFORE_NOW = timedelta(minutes=2)
OPENS, CLOSES = 8 * 60, 18 * 60


class Timeline:
    """Plays what was planned in the order of its time. What would lie in the future does not happen."""

    def __init__(self, now: datetime, time_zone: str) -> None:
        self.now = now
        self._zone = ZoneInfo(time_zone)
        self._planned: list[tuple[datetime, int, Action]] = []
        self._turn = count()

    def plan(self, moment: datetime, action: Action) -> None:
        if moment <= self.now - BEFORE_NOW:
            heapq.heappush(self._planned, (moment, next(self._turn), action))

    def play(self) -> None:
        while self._planned:
            moment, _, action = heapq.heappop(self._planned)
            action(moment)

    def on_day(self, days_ago: int, at: time) -> datetime:
        """A wall-clock time of the business, some days ago."""
        day = self.now.astimezone(self._zone).date() - timedelta(days=days_ago)
        return datetime.combine(day, at, self._zone)

    def in_business_hours(self, rng: Random, days_ago: int) -> datetime:
        """Some moment of an opening day near the one that lies so many days back."""
        minute = rng.randrange(OPENS, CLOSES)
        moment = self.on_day(days_ago, time(minute // 60, minute % 60, rng.randrange(60)))
        return moment - timedelta(days=max(0, moment.weekday() - 4))
