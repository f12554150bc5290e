"""The forms of the list's part of the API: what is read, and what is answered."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import OptOutScope
from accounts.problems import refuse_field
from accounts.strict import MomentField, PageQuery, RecipientField, SenderField, StrictSerializer, TextField
from compliance.models import EVIDENCE_WAYS, ActorKind, OptOut, Source
from compliance.purposes import ASKED_FOR, Purpose

MOST_RECIPIENTS = 10_000
LONGEST_WORDS = 10_000
ASKED_PURPOSES = [(purpose.value, purpose.label) for purpose in ASKED_FOR]


class OrNull(serializers.CharField):
    """A text of ours, null where there is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)

    def to_representation(self, value: Any) -> str | None:  # type: ignore[override]
        return str(value) if value else None


def asked_purpose(**options: Any) -> serializers.ChoiceField:
    """The purposes that may be asked for. Our own replies are not among them."""
    return serializers.ChoiceField(choices=ASKED_PURPOSES, **options)


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "maxItems": MOST_RECIPIENTS,
        "description": "Numbers in any usual way of writing. What is none gets `invalid_recipient` in its row.",
    }
)
class RecipientsField(serializers.Field[list[str], Any, Any, Any]):
    """A long list of texts, looked at as a whole: a serializer a row would cost more than the check itself."""

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or not data:
            raise serializers.ValidationError("This must be a list with at least one number.")
        if len(data) > MOST_RECIPIENTS:
            raise serializers.ValidationError(f"At most {MOST_RECIPIENTS} numbers can be checked at once.")
        if not all(isinstance(item, str) for item in data):
            raise serializers.ValidationError("Each number must be a text.")
        return data


class CheckIn(StrictSerializer):
    """Numbers to ask about. Without `sender`, blocked for any number is blocked; without `purpose`, for any purpose."""

    sender = SenderField(required=False, allow_null=True, max_length=64)
    purpose = asked_purpose(required=False, allow_null=True, default=Purpose.MARKETING.value)
    recipients = RecipientsField()


class CheckRowOut(serializers.Serializer[Any]):
    recipient = serializers.CharField(help_text="E.164, or as it came where it is no number.")
    allowed = serializers.BooleanField()
    reason = serializers.CharField(
        allow_null=True,
        help_text="`opted_out`, `held_for_review`, `no_consent`, `sender_inactive` or `invalid_recipient`; null where "
        "allowed.",
    )
    since = MomentField(allow_null=True)
    opt_out = serializers.IntegerField(allow_null=True, help_text="The opt-out behind it.")


class ChecksOut(serializers.Serializer[Any]):
    """One row for each number, in the order asked, repeats included."""

    results = CheckRowOut(many=True)


class OptOutQuery(PageQuery):
    recipient = RecipientField(required=False)
    status = serializers.ChoiceField(choices=OptOut.Status.choices, required=False)
    source = serializers.ChoiceField(choices=Source.choices, required=False)  # type: ignore[assignment]
    sender = SenderField(required=False, help_text="The one company number that it closes (scope `number`).")
    since = MomentField(required=False, help_text="Changed at or after; without an offset it is UTC.")
    until = MomentField(required=False, help_text="Changed before; without an offset it is UTC.")


class OptOutIn(StrictSerializer):
    """A request to stop that reached you elsewhere. Nobody is texted."""

    recipient = RecipientField()
    scope = serializers.ChoiceField(
        choices=OptOutScope.choices,
        required=False,
        help_text="By default as the business has chosen; `number` needs `sender`.",
    )
    sender = SenderField(
        required=False,
        allow_null=True,
        max_length=64,
        help_text="The company number it is about. With the scope `tenant` by default it is kept in the evidence.",
    )
    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]
    reason = TextField(max_length=LONGEST_WORDS)
    requested_by = serializers.ChoiceField(
        choices=OptOut.RequestedBy.choices, required=False, default=OptOut.RequestedBy.RECIPIENT.value
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Settle the scope: what is said, else what the business has chosen."""
        asked, sender = attrs.get("scope"), attrs.get("sender")
        if asked == OptOutScope.NUMBER and not sender:
            raise refuse_field("sender", "The scope “number” needs the company number that it closes.")
        if asked == OptOutScope.TENANT and sender:
            raise refuse_field("sender", "The scope “tenant” closes all numbers; leave the sender out.")
        usual = self.context["tenant"].opt_out_scope if sender else OptOutScope.TENANT
        return {**attrs, "scope": asked or usual}


class OptOutOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    recipient = serializers.CharField(source="recipient.number")
    scope = serializers.ChoiceField(choices=OptOutScope.choices)
    sender = OrNull(help_text="The one company number it closes; null for all of them.")
    requested_by = serializers.ChoiceField(choices=OptOut.RequestedBy.choices)
    status = serializers.ChoiceField(choices=OptOut.Status.choices)
    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]
    reason = serializers.CharField()
    opted_out_at = MomentField()
    lifted_at = MomentField(allow_null=True)
    changed_at = MomentField()


class OptOutPageOut(serializers.Serializer[Any]):
    results = OptOutOut(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class LiftEvidenceIn(StrictSerializer):
    way = serializers.ChoiceField(choices=Source.choices)
    words = TextField(max_length=LONGEST_WORDS, help_text="The person's own words.")
    at = MomentField(help_text="When they were said, after the opt-out; without an offset it is UTC.")


class LiftIn(StrictSerializer):
    """Why a person may be texted again, and what proves it. Nobody is texted."""

    reason = TextField(max_length=LONGEST_WORDS)
    evidence = LiftEvidenceIn()


class ActorOut(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=ActorKind.choices, source="actor_kind")
    id = OrNull(source="actor_id")
    name = serializers.CharField(source="actor_name")


class EvidenceOut(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="evidence_id")
    digest = serializers.CharField(source="evidence_digest")
    way = serializers.ChoiceField(choices=EVIDENCE_WAYS, source="evidence.way")
    words = serializers.CharField(source="evidence.words")
    occurred_at = MomentField(source="evidence.occurred_at")
    details = serializers.DictField(source="evidence.details")


class PrecedingOut(serializers.Serializer[Any]):
    """The outgoing text that came before."""

    id = serializers.CharField(source="preceding_id")
    at = MomentField(source="preceding_at", allow_null=True)
    user = OrNull(source="preceding_user")
    campaign = OrNull(source="preceding_campaign")


class ChangeOut(serializers.Serializer[Any]):
    """One change of an opt-out, with who, how, why and its evidence."""

    at = MomentField(source="history_date")
    action = serializers.ChoiceField(choices=OptOut.Action.choices)
    status = serializers.ChoiceField(choices=OptOut.Status.choices)
    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]
    reason = OrNull(source="history_change_reason")
    rule = OrNull()
    actor = ActorOut(source="*")
    evidence = EvidenceOut(source="*")
    preceding = serializers.SerializerMethodField()

    @extend_schema_field(PrecedingOut(allow_null=True))
    def get_preceding(self, change: Any) -> dict[str, Any] | None:
        return PrecedingOut(change).data if change.preceding_id else None


class HistoryOut(serializers.Serializer[Any]):
    """Every change, oldest first."""

    results = ChangeOut(many=True)


OPT_OUT_ID = {"name": "opt_out_id", "type": OpenApiTypes.INT64, "location": "path"}
