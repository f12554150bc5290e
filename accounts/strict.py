"""Reading what programs send, strictly: what is not asked for, too large or of the wrong type is named and refused."""

import json
import re
from collections.abc import Mapping
from datetime import UTC
from typing import IO, Any, ClassVar, NoReturn

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import phone
from accounts.models import ApiKey, Tenant
from accounts.problems import MOST_ERRORS, Problem, refuse_field

LARGEST_BODY = 2 * 1024 * 1024
LARGEST_PAGE = 1000
USUAL_PAGE = 100
PLUS_LOST = re.compile(r" (\d\d:?\d\d)$")


class LimitedJSONParser(JSONParser):
    """JSON of at most 2 MiB. The length that the sender declares is not believed."""

    def parse(self, stream: IO[Any], media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            body = stream.read(LARGEST_BODY + 1)
        except OSError:
            raise ParseError("The connection broke before the whole body had come.") from None
        if len(body) > LARGEST_BODY:
            raise Problem(413, "too_large", f"The body is larger than {LARGEST_BODY} bytes.")
        try:
            return json.loads(body.decode("utf-8-sig"), parse_constant=_refuse, object_pairs_hook=_refuse_repeats)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not JSON: {str(error)[:200]}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two values under one name: whichever we took, the caller may have meant the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know, by name."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "This must be a JSON object."}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields][:MOST_ERRORS]
            if unknown:
                choose = f"choose from {', '.join(self.fields)}" if self.fields else "leave it out"
                raise ValidationError({name: [f"This is unknown here; {choose}."] for name in unknown})
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """A text: numbers and booleans are not quietly turned into one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class RecipientField(TextField):
    """A recipient's number in any usual way of writing, read as E.164 with the country of the business."""

    def to_internal_value(self, data: Any) -> str:
        return self.read(super().to_internal_value(data), self.context["tenant"].country)

    def read(self, text: str, region: str) -> str:
        try:
            return phone.parse_number(text, region)
        except phone.InvalidNumber as error:
            raise ValidationError([ErrorDetail(str(error), "invalid")]) from None


class SenderField(RecipientField):
    """A company number: a phone number in any usual way of writing, a short code or an alphanumeric sender."""

    def read(self, text: str, region: str) -> str:
        try:
            return phone.parse_company_number(text, region)
        except phone.InvalidNumber as error:
            raise ValidationError([ErrorDetail(str(error), "invalid")]) from None


class MomentField(serializers.DateTimeField):
    """A moment as RFC 3339, written in UTC.

    One that comes without an offset is UTC. A `+` that an address turned into a space is mended.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=UTC, **options)

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ssZ")
        return super().to_internal_value(PLUS_LOST.sub(r"+\1", value))


class PageQuery(StrictSerializer):
    """What every list takes."""

    cursor = TextField(required=False, help_text="From `next` or `previous` of another page.")
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_PAGE, default=USUAL_PAGE)


class NoQuery(StrictSerializer):
    """No query parameters."""


class TenantView(APIView):
    """A view of one business: that of the key. `scopes` names the scope that each method needs."""

    parser_classes = [LimitedJSONParser]
    scopes: ClassVar[dict[str, str]] = {}

    @property
    def key(self) -> ApiKey:
        """The key that was shown."""
        key = self.request.auth
        assert isinstance(key, ApiKey)  # noqa: S101 - HasScope let nothing else in
        return key

    @property
    def tenant(self) -> Tenant:
        """The business whose rows alone this request may see."""
        return self.key.tenant

    def read_body(self, serializer: type[StrictSerializer]) -> dict[str, Any]:
        """The checked body. Raises a 400 that names each wrong field."""
        return self._check(serializer, self.request.data)

    def read_query(self, serializer: type[StrictSerializer]) -> dict[str, Any]:
        """The checked query parameters. Raises a 400 that names each wrong one."""
        given = {}
        for name, values in self.request.query_params.lists():
            if len(values) > 1:
                raise refuse_field(name, "This stands twice in the address.")
            given[name] = _mend_plus(values[0])
        return self._check(serializer, given)

    def _check(self, serializer: type[StrictSerializer], data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise ValidationError("The body must be a JSON object.")
        checked = serializer(data=data, context={"tenant": self.tenant})
        checked.is_valid(raise_exception=True)
        found: dict[str, Any] = checked.validated_data
        return found

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """A body without a declared length would be read as empty: say so instead."""
        super().initial(request, *args, **kwargs)
        if request.headers.get("transfer-encoding") and not request.headers.get("content-length"):
            raise Problem(411, "length_required", "Send the body with a Content-Length.")


def _mend_plus(value: str) -> str:
    """`?recipient=+1202…` arrives as a space and digits where the caller did not escape the plus sign."""
    return f"+{value[1:]}" if re.match(r" \d", value) else value
