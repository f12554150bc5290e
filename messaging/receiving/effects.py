"""What each intent causes: the opt-out, the opt-in, the hold, and the reply that is due."""

from collections.abc import Callable
from dataclasses import replace

from accounts.local_time import say_day
from accounts.models import OptOutScope
from compliance import opt_outs, reviews
from compliance.classifier import Intent
from compliance.consents import recording
from compliance.consents.writing import Given
from compliance.models import ConsentWay, Source
from compliance.purposes import Purpose
from compliance.reach import which_reach
from compliance.state import state_after
from messaging.consenting import confirmation_text, is_first_to_the_public, take_yes
from messaging.models import InboundMessage
from messaging.preceding import find_preceding
from messaging.receiving.scene import (
    Effect,
    Reply,
    Scene,
    answered_lately,
    is_ours_to_answer,
    who_answers_text,
    write_reply,
)

Outcome = InboundMessage.Outcome


def _opt_out(scene: Scene) -> Effect:
    number_scope = _closes_one_number(scene)
    recorded = opt_outs.record_opt_out(
        scene.state,
        opt_outs.Request(
            proof=scene.proof(Source.PHRASE if ".phrase." in scene.verdict.rule else Source.KEYWORD),
            scope=OptOutScope.NUMBER if number_scope else OptOutScope.TENANT,
            sender=scene.to if number_scope else "",
            reason=f"Texted “{scene.message.body[:160]}”.",
            rule=scene.verdict.rule,
            language=scene.verdict.language,
            texted=scene.to,
            preceding=find_preceding(scene.message.conversation_id, scene.message.asked_at),
            answer=who_answers_text(scene),
        ),
        opt_outs.RECIPIENT,
        scene.now,
    )
    reply = None
    if recorded.confirm:
        reply = write_reply(scene, Purpose.OPT_OUT_CONFIRMATION, recorded.opt_out)
    state = state_after(scene.state, [recorded.opt_out])
    return Effect(Outcome(recorded.action), recorded.why, state, recorded.opt_out, reply)


def _closes_one_number(scene: Scene) -> bool:
    """STOP reaches as far as the business chose; STOPALL and a number that we do not know mean the whole business."""
    known = scene.sender is not None
    return scene.verdict.word != "stopall" and reviews.closes_one_number(scene.tenant, scene.to, is_known=known)


def _opt_in(scene: Scene) -> Effect:
    fact = scene.fact
    if fact is None or not fact.campaign:
        return _opt_in_by_text(scene, _given(scene, ConsentWay.KEYWORD))
    given = replace(_given(scene, ConsentWay.CAMPAIGN), campaign=fact.campaign, wording=fact.shown)
    return _opt_in_by_text(scene, given)


def _opt_in_by_text(scene: Scene, given: Given) -> Effect:
    """START, or a campaign's keyword. Under double opt-in such a keyword asks for a YES, unless it opens a block."""
    lifts = opt_outs.find_opened(scene.state, given, scene.to)
    if given.way == ConsentWay.CAMPAIGN and scene.tenant.double_opt_in and not lifts:
        return _agree(scene, given)
    done = opt_outs.record_opt_in(scene.state, given, scene.to, scene.now, who_answers_text(scene))
    if done.remaining and not done.too_old:
        reviews.ask_for_return(scene.state, given.proof, scene.to, scene.now)
    outcome = Outcome.NOT_LIFTED if done.remaining else Outcome.OPTED_IN
    reply = write_reply(scene, Purpose.OPT_IN_CONFIRMATION) if done.confirm else None
    return Effect(outcome, done.why, done.state, done.lifted[0] if done.lifted else None, reply)


def _given(scene: Scene, way: ConsentWay) -> Given:
    """What this text agrees to: texts from as many numbers as the policy of the business says."""
    scope = scene.tenant.opt_out_scope
    sender = scene.to if scope == OptOutScope.NUMBER else ""
    return Given(way, scene.proof(Source.KEYWORD), scope, sender)


def _help(scene: Scene) -> Effect:
    """Help is answered in every state (CT-11), once in five minutes, so that two machines can't answer each other."""
    if answered_lately(scene, Purpose.HELP_REPLY):
        return Effect(Outcome.HELP, "Help was answered within the last five minutes.", scene.state)
    if silent := opt_outs.WHY_SILENT.get(who_answers_text(scene)):
        return Effect(Outcome.HELP, f"Asked for help. {silent}", scene.state)
    return Effect(
        Outcome.HELP,
        "Help is answered in every state (CT-11).",
        scene.state,
        None,
        write_reply(scene, Purpose.HELP_REPLY),
    )


def _unclear(scene: Scene) -> Effect:
    if which_reach(scene.state.active, scene.to, Purpose.TRANSACTIONAL, scene.state.number, scene.now):
        return Effect(Outcome.RECORDED, "May be an opt-out; this person is opted out already.", scene.state)
    opted_in_at, for_all = scene.state.opted_in_at, scene.tenant.opt_out_scope == OptOutScope.TENANT
    if opted_in_at and for_all and opt_outs.is_earlier(scene.message.asked_at, opted_in_at):
        return Effect(Outcome.RECORDED, "May be an opt-out; a newer opt-in stands.", scene.state)
    unclear = reviews.Unclear(
        proof=scene.proof(Source.PHRASE),
        texted=scene.to,
        reason=scene.verdict.reason,
        rule=scene.verdict.rule,
        language=scene.verdict.language,
        preceding=find_preceding(scene.message.conversation_id, scene.message.asked_at),
        received_at=scene.arrival.received_at,
    )
    item = reviews.hold(scene.state, unclear, scene.tenant, scene.now)
    due = say_day(item.due_at, scene.tenant.time_zone) if item.due_at else "its date"
    why = f"{item.reason} Automatic texts are held until a person answers, by {due}."
    return Effect(Outcome.HELD, why, scene.state)


def agree_by_yes(scene: Scene) -> Effect | None:
    """YES to the open question of a double opt-in (NET-20). To anything else it is an ordinary text."""
    may_be_yes = scene.verdict.intent in (Intent.OTHER, Intent.UNCLEAR)
    if not may_be_yes or not take_yes(scene.state, scene.message, scene.to, scene.proof(Source.KEYWORD), scene.now):
        return None
    is_ours = is_ours_to_answer(scene, Intent.OPT_IN)  # some providers take YES for an opt-in word of theirs (NET-20)
    reply = write_reply(scene, Purpose.OPT_IN_CONFIRMATION) if is_ours else None
    return Effect(Outcome.OPTED_IN, "Answered YES; the consent counts from now on.", scene.state, None, reply)


def _agree(scene: Scene, given: Given) -> Effect:
    """A text that agrees without being an opt-in word: it lifts nothing, and is confirmed or asked about."""
    answers_from = scene.to if is_ours_to_answer(scene) else ""
    done = recording.record_consent(
        scene.state, scene.tenant, given, opt_outs.RECIPIENT, scene.now, answers_from=answers_from
    )
    name = scene.fact.reply if scene.fact else ""
    body = confirmation_text(scene.tenant, scene.verdict.language, done.question, scene.to, name)
    reply = Reply(Purpose.OPT_IN_CONFIRMATION, body, question=done.question) if done.confirm else None
    outcome = Outcome.RECORDED if done.opted_out or done.question else Outcome.OPTED_IN
    return Effect(outcome, done.why, scene.state, None, reply)


def _other(scene: Scene) -> Effect:
    if scene.fact is not None and scene.fact.reply:
        return _answer(scene, scene.fact.reply)
    if is_first_to_the_public(scene.sender, scene.state, scene.message):
        proof = scene.proof(ConsentWay.FIRST_TEXT)
        return _agree(scene, Given(ConsentWay.FIRST_TEXT, proof, OptOutScope.NUMBER, scene.to))
    return Effect(Outcome.NONE, "No request; shown to the employee.", scene.state)


def _answer(scene: Scene, name: str) -> Effect:
    """A keyword that the business answers with a reply of its own: as HELP, once in five minutes."""
    if answered_lately(scene, Purpose.KEYWORD_REPLY):
        return Effect(Outcome.ANSWERED, "A keyword was answered within the last five minutes.", scene.state)
    reply = write_reply(scene, Purpose.KEYWORD_REPLY) if is_ours_to_answer(scene) else None
    return Effect(Outcome.ANSWERED, f"A keyword of yours; “{name}” answers it.", scene.state, None, reply)


EFFECTS: dict[Intent, Callable[[Scene], Effect]] = {
    Intent.OPT_OUT: _opt_out,
    Intent.OPT_IN: _opt_in,
    Intent.HELP: _help,
    Intent.UNCLEAR: _unclear,
    Intent.OTHER: _other,
}
