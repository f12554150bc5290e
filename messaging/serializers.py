"""The forms of the messages' part of the API: what is read, and what is answered."""

from typing import Any

from rest_framework import serializers

from accounts.problems import refuse_field
from accounts.strict import MomentField, PageQuery, RecipientField, SenderField, StrictSerializer, TextField
from compliance.outgoing import LONGEST_BODY
from compliance.purposes import Purpose
from compliance.serializers import OrNull, asked_purpose
from messaging.models import OutboundMessage

LONGEST_NAME = 120
LONGEST_REASON = 1000


class MessageIn(StrictSerializer):
    """A text to send."""

    sender = SenderField(max_length=64, help_text="One of your company numbers.")
    recipient = RecipientField(max_length=64)
    body = TextField(max_length=LONGEST_BODY, trim_whitespace=False)
    purpose = asked_purpose()
    campaign = TextField(required=False, allow_null=True, max_length=LONGEST_NAME)
    user = TextField(required=False, allow_null=True, max_length=150, help_text="Log-in name of the employee.")
    emergency_reason = TextField(
        required=False,
        allow_null=True,
        max_length=LONGEST_REASON,
        help_text="Why this can't wait (US-19): only with the purpose `emergency`, and then required.",
    )

    def validate_body(self, body: str) -> str:
        if not body.strip():
            raise serializers.ValidationError("This text has no words.")
        return body

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        is_emergency = attrs["purpose"] == Purpose.EMERGENCY
        if is_emergency and not attrs.get("emergency_reason"):
            raise refuse_field("emergency_reason", "An emergency needs its reason in writing (US-19).")
        if not is_emergency and attrs.get("emergency_reason"):
            raise refuse_field("emergency_reason", "This goes with the purpose “emergency” alone.")
        return attrs


class MessageQuery(PageQuery):
    recipient = RecipientField(required=False)
    purpose = serializers.ChoiceField(choices=Purpose.choices, required=False)
    status = serializers.ChoiceField(choices=OutboundMessage.Status.choices, required=False)
    campaign = TextField(required=False, help_text="The name of the campaign.")


class WarningOut(serializers.Serializer[Any]):
    """Something that the sender of a text should know; it was not refused for it."""

    code = serializers.CharField(help_text="`instruction_appended` or `asks_for_opt_out_word`.")
    detail = serializers.CharField(help_text="For people.")
    word = OrNull(help_text="The opt-out word that the text asks for.")


class MessageOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sender = serializers.CharField(source="sender_number.number")
    recipient = serializers.CharField(source="recipient.number")
    body = serializers.CharField(help_text="As it is sent: with the instruction how to stop where one was appended.")
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    campaign = OrNull(source="campaign.name")
    user = OrNull(source="user.username")
    status = serializers.ChoiceField(choices=OutboundMessage.Status.choices)
    reason = OrNull(help_text="Why it was blocked or failed.")
    created_at = MomentField()
    claimed_at = MomentField(allow_null=True, help_text="When the last gate was passed.")
    sent_at = MomentField(allow_null=True)
    delivered_at = MomentField(allow_null=True)
    error = OrNull(help_text="What the provider said.")
    warnings = WarningOut(many=True)


class MessagePageOut(serializers.Serializer[Any]):
    results = MessageOut(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class RefusalOut(serializers.Serializer[Any]):
    """A problem of RFC 9457, with the decision behind it and the id of the stored text."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(
        help_text="The reason: `opted_out`, `held_for_review`, `no_consent`, `no_opt_out_instruction`, "
        "`sender_inactive`."
    )
    detail = serializers.CharField(help_text="The decision in a sentence.")
    message = serializers.UUIDField(help_text="The text, stored as `blocked`.")
    rule = OrNull(help_text="The rule that decided.")
    scope = OrNull(help_text="How far the block reaches.")
    since = MomentField(allow_null=True)
    opt_out = serializers.IntegerField(allow_null=True)
