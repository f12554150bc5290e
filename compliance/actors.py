"""Who acts, as plain values that outlive the account."""

from dataclasses import dataclass

from compliance.models import ActorKind


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as plain values that outlive the account."""

    kind: ActorKind
    id: str = ""
    name: str = ""


RECIPIENT = Actor(ActorKind.RECIPIENT, name="Recipient")
SYSTEM = Actor(ActorKind.SYSTEM, name="System")
