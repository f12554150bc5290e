"""The handset simulator's provider: unsigned, in demos alone, slow or failing on demand."""

import random
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings as project

from messaging.providers import generic_json
from messaging.providers.base import (
    HandedOver,
    NotTaken,
    OutgoingText,
    Proof,
    Provider,
    RawWebhook,
    Reading,
    Rejected,
)


class Simulator(Provider):
    slug: ClassVar[str] = "simulator"

    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        if not project.SIMULATOR:
            raise Rejected("The simulator is switched off.")
        return Proof.NONE

    def read(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reading:
        return generic_json.read(raw)

    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        time.sleep(project.SIMULATOR_LATENCY_MS / 1000)
        if random.random() < project.SIMULATOR_FAILURE_RATE:  # noqa: S311 - chance, not secrecy
            raise NotTaken("The simulated provider is down.")
        return HandedOver(f"sim-{text.id}", delivered=True)
