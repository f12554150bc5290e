"""The last sixty days of a demo business, in the order in which they happened."""

from datetime import datetime, time, timedelta
from functools import partial

from accounts.models import SenderNumber, User
from compliance import opt_outs, reviews
from compliance.due_dates import due_at
from compliance.models import ActorKind, Recipient, ReviewItem
from messaging.demo.company import OPENED, Company
from messaging.demo.exchange import Exchange, Status
from messaging.demo.plan import CampaignPlan
from messaging.demo.timeline import Timeline
from messaging.models import Campaign, InboundMessage

Outcome = InboundMessage.Outcome
LONGEST_AGO = 57
FIRST_ANSWER_AFTER, LAST_ANSWER_AFTER = 4, 8 * 60  # minutes from a mailing to what it draws
USUAL_ANSWER_AFTER = 45
ANSWERED_AS_OPT_OUT = 0.6
NOT_SOONER_THAN = timedelta(hours=24)
LONGEST_REVIEW_DAYS = 25
SPREAD = 3  # of four moments a day, so that reviews fall due at different hours of different days
ANSWER_REASONS = {
    ReviewItem.Status.OPTED_OUT: "The person wants no more texts.",
    ReviewItem.Status.NOT_OPT_OUT: "Asked by phone: wants to stay on the list.",
}


class Story:
    """Plans what people do, then plays it through the product's own doors."""

    def __init__(self, company: Company, now: datetime) -> None:
        self.company, self.plan, self.rng = company, company.plan, company.rng
        self.timeline = Timeline(now, company.tenant.time_zone)
        self.exchange = Exchange(company)
        people = self._meet(now - OPENED)
        held = self.plan.reviews.due_soon + self.plan.reviews.later
        self.customers, self.doubters = people[held:], people[:held]

    def _meet(self, at: datetime) -> list[Recipient]:
        tenant, numbers = self.company.tenant, [*self.plan.recipient_numbers(), self.plan.handset]
        rows = [Recipient(tenant=tenant, number=number, created_at=at, seen_at=at) for number in numbers]
        return Recipient.objects.bulk_create(rows, batch_size=500)[:-1]

    def plan_texts(self) -> None:
        """Mailings, threads, open reviews, and the text that waits on the simulated handset."""
        for campaign in self.plan.campaigns:
            moment = self.timeline.on_day(campaign.days_ago, time.fromisoformat(campaign.at))
            self.timeline.plan(moment, partial(self._mail, campaign))
        for talk in self.plan.talks:
            for _ in range(talk.count):
                self._plan_talk(talk.lines)
        self._plan_open_reviews()
        self._plan_handset()

    def choose_employee(self, sender: SenderNumber) -> User:
        return self.rng.choice(self.company.employees[sender.pk])

    def plan_reply(self, kind: str, recipient: str, sender: SenderNumber, moment: datetime) -> None:
        """A recipient will text one of the words of a kind."""
        words = self.rng.choice(self.plan.replies[kind])
        self.timeline.plan(moment, partial(self._receive, recipient, sender, words))

    def _mail(self, plan: CampaignPlan, at: datetime) -> None:
        campaign = Campaign.objects.create(tenant=self.company.tenant, name=plan.name, created_at=at)
        to = self.rng.sample(self.customers, plan.recipients)
        ends = [Status.FAILED] * plan.failed + [Status.UNKNOWN] * plan.unknown
        sent = self.exchange.mail(campaign, plan.purpose, plan.body, to, ends, at)
        reached = [message for message in sent if message.status == Status.DELIVERED]
        self.rng.shuffle(reached)
        for kind, share in (("stop", plan.stop), ("unclear", plan.unclear), ("help", plan.help), ("other", plan.other)):
            for _ in range(round(share * plan.recipients)):
                message = reached.pop()
                wait = min(FIRST_ANSWER_AFTER + self.rng.expovariate(1 / USUAL_ANSWER_AFTER), LAST_ANSWER_AFTER)
                moment = at + timedelta(minutes=wait)
                self.plan_reply(kind, message.recipient.number, message.sender_number, moment)

    def _receive(self, recipient: str, sender: SenderNumber, words: str, at: datetime) -> None:
        message = self.exchange.receive(recipient, sender, words, at)
        if message.outcome == Outcome.OPTED_OUT:
            self._plan_after_stop(recipient, sender, at)
        elif message.outcome == Outcome.HELD:
            self._plan_answer(message, at)

    def _plan_after_stop(self, recipient: str, sender: SenderNumber, stopped_at: datetime) -> None:
        after, rng = self.plan.after_stop, self.rng
        if rng.random() < after.repeats:
            self.plan_reply("stop", recipient, sender, stopped_at + timedelta(hours=rng.uniform(0.2, 60)))
        if rng.random() < after.next_send:
            body = self._fill(rng.choice(self._first_lines()))
            user = self.choose_employee(sender)
            moment = stopped_at + timedelta(hours=rng.uniform(3, 100))
            self.timeline.plan(moment, partial(self._send, recipient, sender, body, user))
        if rng.random() < after.returns:
            self.plan_reply("start", recipient, sender, stopped_at + timedelta(days=rng.uniform(1, 14)))

    def _send(self, recipient: str, sender: SenderNumber, body: str, user: User, at: datetime) -> bool:
        return self.exchange.send(recipient, sender, body, user, at).status != Status.BLOCKED

    def _first_lines(self) -> list[str]:
        return [talk.lines[0][1] for talk in self.plan.talks if talk.lines[0][0] == "out"]

    def _plan_answer(self, message: InboundMessage, asked_at: datetime) -> None:
        """The compliance officer reads what is unclear within three days."""
        status = ReviewItem.Status.NOT_OPT_OUT
        if self.rng.random() < ANSWERED_AS_OPT_OUT:
            status = ReviewItem.Status.OPTED_OUT
        moment = asked_at + timedelta(hours=self.rng.uniform(2, 70))
        self.timeline.plan(moment, partial(self._answer, message.recipient_id, status))

    def _answer(self, recipient_id: int, status: ReviewItem.Status, at: datetime) -> None:
        officer = self.company.officer
        actor = opt_outs.Actor(ActorKind.USER, str(officer.pk), officer.display_name)
        waiting = ReviewItem.objects.select_related("tenant", "evidence").filter(
            recipient_id=recipient_id, status=ReviewItem.Status.OPEN, kind=ReviewItem.Kind.UNCLEAR
        )
        for item in waiting:
            reviews.answer(item, status, ANSWER_REASONS[status], actor, at)

    def _plan_talk(self, lines: list[list[str]]) -> None:
        customer = self.rng.choice(self.customers)
        sender = self.company.sender_for(customer.number)
        chosen = {name: self.rng.choice(words) for name, words in self.plan.words.items()}
        spoken = [(way, self._fill(words, chosen)) for way, words in lines]
        user = self.choose_employee(sender)
        start = self.timeline.in_business_hours(self.rng, self.rng.randint(1, LONGEST_AGO))
        self.timeline.plan(start, partial(self._say, customer.number, sender, user, spoken))

    def _say(
        self, recipient: str, sender: SenderNumber, user: User, lines: list[tuple[str, str]], at: datetime
    ) -> None:
        """One line of a thread, and the next one minutes later; a refused text ends it."""
        (way, words), *left = lines
        if way == "in":
            self._receive(recipient, sender, words, at)
        elif not self._send(recipient, sender, words, user, at):
            return
        if left:
            next_at = at + timedelta(minutes=self.rng.uniform(1, 12))
            self.timeline.plan(next_at, partial(self._say, recipient, sender, user, left))

    def _fill(self, words: str, chosen: dict[str, str] | None = None) -> str:
        chosen = chosen or {name: self.rng.choice(options) for name, options in self.plan.words.items()}
        for name, value in chosen.items():
            words = words.replace(f"{{{name}}}", value)
        for kind, options in self.plan.replies.items():
            if words == f"{{reply:{kind}}}":
                return self.rng.choice(options)
        return words

    def _plan_open_reviews(self) -> None:
        """Unclear texts that nobody has answered: some fall due within days, none is past due."""
        moments = self._moments_due_soon()
        soon = self.plan.reviews.due_soon
        for place, doubter in enumerate(self.doubters):
            moment = moments[SPREAD * place] if place < soon else moments[len(moments) // 2 + place]
            words = self.plan.replies["unclear"][place % len(self.plan.replies["unclear"])]
            self._plan_open_review(doubter.number, words, moment)

    def _plan_open_review(self, number: str, words: str, moment: datetime) -> None:
        sender = self.company.sender_for(number)
        body, user = self._fill(self.rng.choice(self._first_lines())), self.choose_employee(sender)
        before = moment - timedelta(minutes=self.rng.uniform(5, 50))
        self.timeline.plan(before, partial(self._send, number, sender, body, user))
        self.timeline.plan(moment, partial(self.exchange.receive, number, sender, words))

    def _moments_due_soon(self) -> list[datetime]:
        """Moments of the past whose review falls due from tomorrow on, the soonest first."""
        tenant, now = self.company.tenant, self.timeline.now
        times = [time(9, 12), time(11, 47), time(13, 5), time(16, 31)]
        past = [self.timeline.on_day(days, at) for days in range(1, LONGEST_REVIEW_DAYS) for at in times]
        due = [(due_at(moment, tenant.country, tenant.time_zone), moment) for moment in past]
        return [moment for falls_due, moment in sorted(due) if falls_due > now + NOT_SOONER_THAN]

    def _plan_handset(self) -> None:
        """The first text on the simulated handset, from every company number."""
        number, body = self.plan.handset, self.plan.handset_text
        for place, sender in enumerate(self.company.senders):
            user = self.choose_employee(sender)
            moment = self.timeline.now - timedelta(minutes=3 + place)
            self.timeline.plan(moment, partial(self._send, number, sender, body, user))
