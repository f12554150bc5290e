"""The messages' part of the API. Doors: read, one call, answer."""

import hashlib
import json
import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.auth import HasScope
from accounts.lookups import find_parties
from accounts.models import ApiKey, Tenant, User
from accounts.openapi import NOT_A_NUMBER, problems
from accounts.pagination import paginate
from accounts.problems import MEDIA_TYPE, Problem, refuse_field
from accounts.strict import NoQuery, TenantView
from compliance.purposes import Purpose
from messaging.models import OutboundMessage
from messaging.sending import KeyReused, Submission, accept_send, find_repeat
from messaging.serializers import MessageIn, MessageOut, MessagePageOut, MessageQuery, RefusalOut

KEY = re.compile(r"[!-~]{1,255}")
KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Up to 255 visible characters. The same request again under its key answers the same and sends "
    "nothing twice; another request under it answers 422.",
)
PATH_ID = OpenApiParameter("message_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
REFUSED = OpenApiExample(
    "Opted out",
    value={
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "code": "opted_out",
        "detail": "The recipient opted out on Nov 2, 2026 with “STOP”, for all numbers of the business.",
        "message": "7f3b7f3e-4b0e-4a4e-9a53-3d7c2c0f2f11",
        "rule": "en.keyword.stop",
        "scope": "scope.tenant",
        "since": "2026-11-02T15:04:05Z",
        "opt_out": 17,
    },
    response_only=True,
    status_codes=["409"],
    media_type=MEDIA_TYPE,
)


class Messages(TenantView):
    scopes = {"GET": "read", "POST": "send"}

    @extend_schema(
        operation_id="list_messages",
        summary="Outgoing texts",
        description="Scope `read`. The newest first, refused ones and our own replies included.",
        parameters=[MessageQuery],
        responses={200: MessagePageOut, **problems()},
        examples=[NOT_A_NUMBER],
    )
    def get(self, request: Request) -> Response:
        query = self.read_query(MessageQuery)
        page = paginate(request, _messages(self.tenant).filter(**_filters(self.tenant, query)), "created_at", query)
        return Response(page.as_json(MessageOut(page.rows, many=True).data))

    @extend_schema(
        operation_id="send_message",
        summary="Send a text",
        description="Scope `send`; the purpose `emergency` needs the scope `emergency` too. 202 means stored and on "
        "its way: the gate is asked again right before the hand-over. 409 means refused, with the decision.",
        parameters=[KEY_HEADER],
        request=MessageIn,
        responses={
            202: MessageOut,
            (409, MEDIA_TYPE): OpenApiResponse(RefusalOut, "Refused by the gate; the text is stored as `blocked`."),
            **problems(422, writes=True),
        },
        examples=[
            OpenApiExample(
                "A reminder",
                value={
                    "sender": "+12025550100",
                    "recipient": "+12025550123",
                    "body": "Your appointment is tomorrow at 9.",
                    "purpose": "transactional",
                },
                request_only=True,
            ),
            REFUSED,
            NOT_A_NUMBER,
        ],
    )
    def post(self, request: Request) -> Response:
        self._check_emergency(request)
        asked = self.read_body(MessageIn)
        idempotency_key, digest = _read_key(request), _digest_of(request.data)
        try:
            message = find_repeat(self.tenant, idempotency_key, digest)
            if message is None:
                submission = _submission(self.key, asked, idempotency_key, digest)
                message = accept_send(submission, timezone.now())
        except KeyReused as error:
            raise Problem(422, "idempotency_key_reused", str(error)) from None
        return _answer(message)

    def _check_emergency(self, request: Request) -> None:
        asks = isinstance(request.data, dict) and request.data.get("purpose") == Purpose.EMERGENCY
        if asks and ApiKey.Scope.EMERGENCY not in self.key.scopes:
            raise PermissionDenied("This API key lacks the scope “emergency”.", HasScope.code)


class MessageDetail(TenantView):
    @extend_schema(
        operation_id="get_message",
        summary="One outgoing text",
        description="Scope `read`.",
        parameters=[PATH_ID],
        responses={200: MessageOut, **problems()},
    )
    def get(self, request: Request, message_id: str) -> Response:
        self.read_query(NoQuery)
        try:
            message = _messages(self.tenant).filter(pk=UUID(message_id)).first()
        except ValueError:
            message = None
        if message is None:
            raise NotFound("There is no such text.")
        return Response(MessageOut(message).data)


def _messages(tenant: Tenant) -> Any:
    rows = OutboundMessage.objects.for_tenant(tenant)
    return rows.select_related("sender_number", "recipient", "campaign", "user")


def _filters(tenant: Tenant, query: dict[str, Any]) -> dict[str, Any]:
    """The query's filters in the words of the ORM."""
    names = {"purpose": "purpose", "status": "status", "campaign": "campaign__name", "recipient": "recipient__number"}
    found = {column: query[name] for name, column in names.items() if name in query}
    if "recipient" in query:
        found["recipient__tenant"] = tenant
    return found


def _read_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not KEY.fullmatch(key):
        raise refuse_field("Idempotency-Key", "This header takes 1 to 255 visible ASCII characters.")
    return key


def _digest_of(data: Any) -> str:
    """What makes two requests the same: what they say, not how it was written down."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _submission(key: ApiKey, asked: dict[str, Any], idempotency_key: str | None, digest: str) -> Submission:
    sender = find_parties(key.tenant, asked["sender"], asked["recipient"])
    assert sender is not None  # noqa: S101 - it was asked for
    return Submission(
        tenant=key.tenant,
        sender=sender,
        recipient=asked["recipient"],
        body=asked["body"],
        purpose=asked["purpose"],
        campaign=asked.get("campaign") or "",
        user=_find_user(key.tenant, asked.get("user")),
        emergency_reason=asked.get("emergency_reason") or "",
        requested_by=f"API key {key.name}",
        idempotency_key=idempotency_key,
        request_digest=digest if idempotency_key else "",
    )


def _find_user(tenant: Tenant, username: str | None) -> User | None:
    if not username:
        return None
    user: User | None = User.objects.for_tenant(tenant).filter(username=username, is_active=True).first()
    if user is None:
        raise refuse_field("user", "No employee of yours has this log-in name.")
    return user


def _answer(message: OutboundMessage) -> Response:
    """202, or 409 with the decision. A repeat answers as the first time, whatever became of the text since."""
    was_refused = message.status == OutboundMessage.Status.BLOCKED and "refused_at_hand_over" not in message.decision
    if was_refused:
        raise _refusal(message)
    return Response(MessageOut(message).data, status=202)


def _refusal(message: OutboundMessage) -> Problem:
    decision = message.decision
    return Problem(
        409,
        message.reason,
        decision["sentence"],
        message=str(message.pk),
        rule=decision["rule"] or None,
        scope=decision["scope"] or None,
        since=datetime.fromisoformat(decision["since"]) if decision["since"] else None,
        opt_out=decision["opt_out_id"],
    )
