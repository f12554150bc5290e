"""What reached the demo business by other ways than a text, and who was opted back in with evidence."""

from datetime import datetime, timedelta
from functools import partial

from accounts.models import OptOutScope, User
from compliance import opt_outs
from compliance.evidence import Proof
from compliance.models import ActorKind, OptOut, Recipient
from messaging import webhooks
from messaging.demo.plan import ElsewherePlan, KeptPlan, LiftsPlan
from messaging.demo.story import LONGEST_AGO, Story
from messaging.providers import find_provider
from messaging.providers.base import Proof as Signature
from messaging.providers.base import RawWebhook, Unreadable

SOONEST_DAYS_AGO = 6
LIFTED_DAYS_AGO = (2, 25)
IMPORTED_FROM = (10, 300)


def plan_elsewhere(story: Story) -> None:
    """Every opt-out that no text brought: a recipient of its own each, so that the numbers add up."""
    left = story.rng.sample(story.customers, len(story.customers))
    for plan in story.plan.elsewhere:
        for place in range(plan.count):
            _plan_opt_out(story, plan, place, left.pop())
    for lifts in story.plan.lifts:
        for _ in range(lifts.count):
            moment = story.timeline.in_business_hours(story.rng, story.rng.randint(*LIFTED_DAYS_AGO))
            story.timeline.plan(moment, partial(_lift_one, story, lifts))
    for kept in story.plan.kept_deliveries:
        moment = story.timeline.in_business_hours(story.rng, kept.days_ago)
        story.timeline.plan(moment, partial(_keep, story, kept))


def _plan_opt_out(story: Story, plan: ElsewherePlan, place: int, recipient: Recipient) -> None:
    rng = story.rng
    if plan.days_ago:
        moment = story.timeline.on_day(plan.days_ago, datetime.min.time().replace(hour=8, minute=30))
    else:
        moment = story.timeline.in_business_hours(rng, rng.randint(SOONEST_DAYS_AGO, LONGEST_AGO))
    story.timeline.plan(moment, partial(_opt_out, story, plan, place, recipient.number))
    if place < plan.wants_back:
        back = story.timeline.in_business_hours(rng, 1 + place)
        story.plan_reply("start", recipient.number, story.company.sender_for(recipient.number), back)


def _opt_out(story: Story, plan: ElsewherePlan, place: int, number: str, at: datetime) -> None:
    asked_at = at - timedelta(minutes=story.rng.uniform(2, 30))
    details: dict[str, str | int] = {}
    if plan.file:
        details = {"file": plan.file, "row": place + 2}
        asked_at = at - timedelta(days=story.rng.uniform(*IMPORTED_FROM))
    request = opt_outs.Request(
        proof=Proof(plan.source, story.rng.choice(plan.words), asked_at, details),
        scope=OptOutScope.TENANT,
        reason=plan.reason,
        requested_by=plan.requested_by,
    )
    state = opt_outs.lock_recipient(story.company.tenant.pk, number, at)
    opt_outs.record_opt_out(state, request, _actor(story, plan.actor, number), at)


def _actor(story: Story, name: str, number: str) -> opt_outs.Actor:
    match name:
        case "recipient":
            return opt_outs.RECIPIENT
        case "import":
            return opt_outs.Actor(ActorKind.COMMAND, name="import_opt_outs")
        case "crm":
            return opt_outs.Actor(ActorKind.API_KEY, name="CRM sync")
        case "officer":
            return _as_actor(story.company.officer)
        case _:
            return _as_actor(story.choose_employee(story.company.sender_for(number)))


def _as_actor(user: User) -> opt_outs.Actor:
    return opt_outs.Actor(ActorKind.USER, str(user.pk), user.display_name)


def _lift_one(story: Story, plan: LiftsPlan, at: datetime) -> None:
    """Somebody who opted out days ago asks staff to be texted again."""
    asked_before = at - timedelta(days=1)
    candidates = OptOut.objects.filter(
        tenant=story.company.tenant,
        status=OptOut.Status.ACTIVE,
        requested_by=OptOut.RequestedBy.RECIPIENT,
        asked_at__lt=asked_before,
    )
    row = story.rng.choice(list(candidates.order_by("pk")))
    proof = Proof(plan.way, story.rng.choice(plan.words), at - timedelta(hours=1))
    opt_outs.lift(row, proof, plan.reason, _as_actor(story.company.officer), at)


def _keep(story: Story, plan: KeptPlan, at: datetime) -> None:
    """A webhook that can't be read, kept with what is wrong with it."""
    account = story.company.account
    headers = {"content-type": "application/json", "user-agent": "gateway/2.4"}
    raw = RawWebhook(headers, plan.body.encode(), at)
    try:
        find_provider(account.provider).read(raw, account.settings)
    except Unreadable as error:
        webhooks.keep_delivery(account, raw, Signature.NONE, str(error), retry=False)
