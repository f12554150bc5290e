"""The one confirmation: claimed once per episode, under the recipient's lock."""

from datetime import datetime

from compliance.models import OptOut


def claim_confirmation(opt_out_id: int, episode: int, now: datetime) -> bool:
    """Mark an episode's confirmation as handed over. False where another message has it already."""
    free = OptOut.writes.filter(pk=opt_out_id, episode=episode, confirmation_claimed_at=None)
    return bool(free.update(confirmation_claimed_at=now))


def release_confirmation(opt_out_id: int, episode: int) -> None:
    """Undo a claim whose hand-over surely did not happen."""
    OptOut.writes.filter(pk=opt_out_id, episode=episode).update(confirmation_claimed_at=None)


def forget_confirmation(opt_out_id: int, episode: int) -> None:
    """Note that the confirmation of an episode will not go out, so that a later STOP of it may still have it."""
    unsent = OptOut.writes.filter(pk=opt_out_id, episode=episode, confirmation_claimed_at=None)
    unsent.update(confirmation_asked_at=None)
