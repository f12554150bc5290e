"""What every operation of the API description shares: the key and the problems."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from accounts.problems import MEDIA_TYPE


class BearerKey(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.auth.ApiKeyAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of `manage.py create_api_key`."}


class FieldErrorOut(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="With dots into objects: `evidence.at`.")
    message = serializers.CharField()


class ProblemOut(serializers.Serializer[Any]):
    """A problem of RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="For programs; it does not change.")
    detail = serializers.CharField(help_text="For people.")
    errors = FieldErrorOut(many=True, required=False)  # type: ignore[assignment]


_MEANINGS = {
    400: "Malformed: `errors` names each field.",
    401: "No key, or one that is unknown or switched off.",
    403: "The key lacks the scope that this needs.",
    404: "Not there, or not yours.",
    405: "This address does not know the method.",
    406: "Only JSON is spoken here.",
    409: "Not in this state.",
    411: "The body came without a Content-Length.",
    413: "The body is larger than 2 MiB.",
    415: "The body must be application/json.",
    422: "This Idempotency-Key was used with another body.",
    429: "Too many requests: wait for as long as Retry-After says.",
    503: "`state_unavailable`: the database can't be reached. Nothing was sent.",
}
_READING = (400, 401, 403, 404, 406, 429, 503)
_WRITING = (*_READING, 411, 413, 415)

NOT_A_NUMBER = OpenApiExample(
    "A wrong field",
    value={
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "code": "invalid",
        "detail": "recipient: “12” is not a possible phone number; write it like +12025550123.",
        "errors": [
            {
                "field": "recipient",
                "message": "“12” is not a possible phone number; write it like +12025550123.",
            }
        ],
    },
    response_only=True,
    status_codes=["400"],
    media_type=MEDIA_TYPE,
)


def problems(*further: int, writes: bool = False) -> dict[Any, OpenApiResponse]:
    """The problems that an operation may answer with."""
    statuses = sorted({*(_WRITING if writes else _READING), *further})
    return {(status, MEDIA_TYPE): OpenApiResponse(ProblemOut, _MEANINGS[status]) for status in statuses}
