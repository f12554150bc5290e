"""The forms of the consents' part of the API: what is read, and what is answered."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from accounts.models import OptOutScope
from accounts.problems import refuse_field
from accounts.strict import MomentField, PageQuery, RecipientField, SenderField, StrictSerializer, TextField
from compliance.models import Consent, ConsentWay
from compliance.serializers import LONGEST_WORDS, OrNull
from messaging.models import OutboundMessage

CLOCKS_DIFFER_BY = timedelta(minutes=1)
# What a person texted themselves, and their YES, are read from texts alone: no program can say them for somebody.
TOLD_BY_PROGRAMS = [
    (way.value, way.label) for way in ConsentWay if way not in (ConsentWay.KEYWORD, ConsentWay.DOUBLE_OPT_IN)
]


class ConsentQuery(PageQuery):
    recipient = RecipientField(required=False)
    way = serializers.ChoiceField(choices=ConsentWay.choices, required=False)
    since = MomentField(required=False, help_text="Recorded at or after; without an offset it is UTC.")
    until = MomentField(required=False, help_text="Recorded before; without an offset it is UTC.")


class ConsentIn(StrictSerializer):
    """A yes that reached you elsewhere. It opts nobody back in."""

    recipient = RecipientField()
    way = serializers.ChoiceField(choices=TOLD_BY_PROGRAMS, help_text="`import` texts nobody.")
    given_at = MomentField(
        required=False, allow_null=True, help_text="When they agreed; by default now. Without an offset it is UTC."
    )
    words = TextField(required=False, allow_blank=True, max_length=LONGEST_WORDS, help_text="What they said or did.")
    wording = TextField(
        required=False,
        allow_blank=True,
        max_length=LONGEST_WORDS,
        help_text="What was shown or said to them, word for word.",
    )
    campaign = TextField(required=False, allow_blank=True, max_length=120)
    sender = SenderField(
        required=False,
        allow_null=True,
        max_length=64,
        help_text="The company number that confirms it. Without one nobody is texted.",
    )
    scope = serializers.ChoiceField(
        choices=OptOutScope.choices,
        required=False,
        help_text="`tenant` for all your numbers, `number` for the one in `sender`; by default as the business has "
        "chosen for opt-outs.",
    )

    def validate_given_at(self, value: datetime | None) -> datetime | None:
        now = timezone.now()
        if value is not None and value > now + CLOCKS_DIFFER_BY:
            raise serializers.ValidationError("This date lies in the future.")
        return min(value, now) if value is not None else None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Settle the scope: what is said, else what the business has chosen."""
        sender = attrs.get("sender")
        if attrs.get("scope") == OptOutScope.NUMBER and not sender:
            raise refuse_field("sender", "The scope “number” needs the company number that it is for.")
        usual = self.context["tenant"].opt_out_scope if sender else OptOutScope.TENANT
        return {**attrs, "scope": attrs.get("scope") or usual}


class ConsentOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    recipient = serializers.CharField(source="recipient.number")
    way = serializers.ChoiceField(choices=ConsentWay.choices)
    scope = serializers.ChoiceField(choices=OptOutScope.choices)
    sender = OrNull(help_text="The one company number it is for; null for all of them.")
    words = serializers.CharField(source="evidence.words")
    wording = serializers.CharField()
    campaign = OrNull()
    given_at = MomentField()
    recorded_at = MomentField(source="created_at")
    recorded_by = OrNull(source="actor_name")
    pending = serializers.SerializerMethodField(help_text="It counts once the person has answered YES.")

    def get_pending(self, consent: Consent) -> bool:
        question = getattr(consent, "question", None) if consent.awaits_yes else None
        return consent.awaits_yes and (question is None or question.answer_id is None)


class ConsentPageOut(serializers.Serializer[Any]):
    results = ConsentOut(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class ConfirmationOut(serializers.Serializer[Any]):
    """The one text about a consent."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=OutboundMessage.Status.choices)


class ConsentRecordedOut(ConsentOut):
    opted_out = serializers.BooleanField(help_text="The person is opted out and stays so; a person was asked to look.")
    confirmation = ConfirmationOut(allow_null=True)
    explanation = serializers.CharField(help_text="What became of it, for people.")
