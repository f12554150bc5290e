"""The only writer of opt-outs: the state table of DESIGN 4.

Every call stands inside the caller's transaction, locks the recipient first, writes one history row for every change
it makes, and texts nobody: what it returns says whether a reply is due.
"""

from compliance.actors import RECIPIENT, SYSTEM, Actor
from compliance.opt_outs.confirmations import claim_confirmation, forget_confirmation, release_confirmation
from compliance.opt_outs.lifting import LiftRefused, can_undo, lift, names_one_person, undo
from compliance.opt_outs.locking import lock_recipient, relock_recipient
from compliance.opt_outs.opting_in import OptedIn, find_opened, record_opt_in
from compliance.opt_outs.opting_out import WHY_SILENT, Answer, OptedOut, Request, is_earlier, record_opt_out
from compliance.opt_outs.writing import Preceding

__all__ = [
    "RECIPIENT",
    "SYSTEM",
    "WHY_SILENT",
    "Actor",
    "Answer",
    "LiftRefused",
    "OptedIn",
    "OptedOut",
    "Preceding",
    "Request",
    "can_undo",
    "claim_confirmation",
    "find_opened",
    "forget_confirmation",
    "is_earlier",
    "lift",
    "lock_recipient",
    "names_one_person",
    "record_opt_in",
    "record_opt_out",
    "release_confirmation",
    "relock_recipient",
    "undo",
]
