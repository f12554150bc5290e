"""POST /api/v1/classifications: try texts, with the business's own keywords. Nothing is kept."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.openapi import problems
from accounts.problems import clean
from accounts.strict import StrictSerializer, TenantView, TextField
from compliance.classifier import Classification, Intent
from compliance.keywords import LANGUAGES
from compliance.serializers import OrNull
from compliance.wording import wording_of

MOST_TEXTS = 1_000
LONGEST_TEXT = 10_000


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "maxLength": LONGEST_TEXT},
        "minItems": 1,
        "maxItems": MOST_TEXTS,
    }
)
class TextsField(serializers.Field[list[str], Any, Any, Any]):
    """A list of texts, as people sent them; an empty one is a text too."""

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or not data:
            raise serializers.ValidationError("This must be a list with at least one text.")
        if len(data) > MOST_TEXTS:
            raise serializers.ValidationError(f"At most {MOST_TEXTS:,} texts can be tried at once.")
        if not all(isinstance(item, str) for item in data):
            raise serializers.ValidationError("Each of them must be a text.")
        if any(len(item) > LONGEST_TEXT for item in data):
            raise serializers.ValidationError(f"A text has at most {LONGEST_TEXT:,} characters.")
        return data


class ClassificationsIn(StrictSerializer):
    """Texts to try. `language` is that of the conversation, by default that of the business."""

    texts = TextsField()
    language = TextField(required=False, allow_null=True, max_length=8)

    def validate_language(self, value: str | None) -> str | None:
        if value and value[:2].lower() not in LANGUAGES:
            raise serializers.ValidationError(f"Choose a language from {', '.join(LANGUAGES)}.")
        return value


class ClassificationOut(serializers.Serializer[Any]):
    text = serializers.CharField()
    intent = serializers.ChoiceField(choices=[(str(intent), str(intent)) for intent in Intent])
    rule = serializers.CharField(help_text="`own.keyword.<id>` for a keyword of yours, `none` where nothing matched.")
    language = serializers.CharField()
    reason = OrNull(help_text="Why a text is unclear, for people.")


class ClassificationsOut(serializers.Serializer[Any]):
    """One row for each text, in the order asked."""

    results = ClassificationOut(many=True)


class Classifications(TenantView):
    scopes = {"POST": "check"}

    @extend_schema(
        operation_id="classify",
        summary="Try what texts would be taken for",
        description="Scope `check`. By the lists and your own keywords, but those for one country. Stores nothing.",
        request=ClassificationsIn,
        responses={200: ClassificationsOut, **problems(writes=True)},
        examples=[
            OpenApiExample("Two texts", value={"texts": ["Stop. Thank you", "bus stop?"]}, request_only=True),
            OpenApiExample(
                "An opt-out and ordinary talk",
                value={
                    "results": [
                        {
                            "text": "Stop. Thank you",
                            "intent": "opt_out",
                            "rule": "en.filler.stop",
                            "language": "en",
                            "reason": None,
                        },
                        {
                            "text": "bus stop?",
                            "intent": "other",
                            "rule": "en.phrase.ordinary_stop",
                            "language": "en",
                            "reason": None,
                        },
                    ]
                },
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        asked = self.read_body(ClassificationsIn)
        wording, language = wording_of(self.tenant), asked.get("language") or self.tenant.language
        return Response({"results": [_row(wording.read(text, language), text) for text in asked["texts"]]})


def _row(found: Classification, text: str) -> dict[str, Any]:
    return {
        "text": clean(text),
        "intent": found.intent,
        "rule": found.rule,
        "language": found.language,
        "reason": found.reason or None,
    }
