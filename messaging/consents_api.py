"""The consents' part of the API. Doors: read, one call, answer."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.lookups import find_parties
from accounts.models import ApiKey, SenderNumber, Tenant
from accounts.openapi import NOT_A_NUMBER, problems
from accounts.pagination import paginate
from accounts.strict import TenantView
from compliance.actors import Actor
from compliance.consents.writing import Given
from compliance.evidence import Proof
from compliance.models import ActorKind, Consent, ConsentWay
from messaging.consent_serializers import ConsentIn, ConsentOut, ConsentPageOut, ConsentQuery, ConsentRecordedOut
from messaging.consenting import Consented, give_consent


class Consents(TenantView):
    scopes = {"GET": "read", "POST": "write"}

    @extend_schema(
        operation_id="list_consents",
        summary="Who agreed, and how",
        description="Scope `read`. The last recorded first.",
        parameters=[ConsentQuery],
        responses={200: ConsentPageOut, **problems()},
        examples=[NOT_A_NUMBER],
    )
    def get(self, request: Request) -> Response:
        query = self.read_query(ConsentQuery)
        rows = Consent.objects.for_tenant(self.tenant).select_related("recipient", "evidence", "question")
        page = paginate(request, rows.filter(**_filters(self.tenant, query)), "created_at", query)
        return Response(page.as_json(ConsentOut(page.rows, many=True).data))

    @extend_schema(
        operation_id="record_consent",
        summary="Record that somebody agreed to be texted",
        description="Scope `write`. Queues one confirmation from `sender`, at most once in 24 hours; where the "
        "business asks for a YES, the question instead. It never opts anybody back in: for somebody who is opted out "
        "it is recorded, nobody is texted, and a person is asked to look.",
        request=ConsentIn,
        responses={201: ConsentRecordedOut, **problems(writes=True)},
        examples=[
            OpenApiExample(
                "At the till",
                value={
                    "recipient": "+12025550123",
                    "way": "point_of_sale",
                    "wording": "May we text you offers? Reply STOP at any time.",
                    "words": "Said yes at the till.",
                    "sender": "+12025550100",
                    "campaign": "Spring sale",
                },
                request_only=True,
            ),
            NOT_A_NUMBER,
        ],
    )
    def post(self, request: Request) -> Response:
        asked = self.read_body(ConsentIn)
        sender = find_parties(self.tenant, asked.get("sender"), asked["recipient"])
        done = _record(self.key, asked, sender, timezone.now())
        return Response(_answer(done), status=201)


def _filters(tenant: Tenant, query: dict[str, Any]) -> dict[str, Any]:
    """The query's filters in the words of the ORM."""
    names = {"recipient": "recipient__number", "way": "way", "since": "created_at__gte", "until": "created_at__lt"}
    found = {column: query[name] for name, column in names.items() if name in query}
    if "recipient" in query:
        found["recipient__tenant"] = tenant
    return found


def _record(key: ApiKey, asked: dict[str, Any], sender: SenderNumber | None, now: datetime) -> Consented:
    way = ConsentWay(asked["way"])
    by_number = asked["scope"] == "number"
    given = Given(
        way,
        Proof(way, asked.get("words", ""), asked.get("given_at") or now, {"api_key": key.pk}),
        asked["scope"],
        sender.number if sender is not None and by_number else "",
        asked.get("wording", ""),
        asked.get("campaign", ""),
    )
    actor = Actor(ActorKind.API_KEY, str(key.pk), f"API key {key.name}")
    return give_consent(key.tenant, asked["recipient"], given, actor, now, confirm_from=sender)


def _answer(done: Consented) -> dict[str, Any]:
    said: dict[str, Any] = dict(ConsentOut(done.recorded.consent).data)
    message = done.message
    return {
        **said,
        "opted_out": done.recorded.opted_out,
        "confirmation": {"id": str(message.pk), "status": message.status} if message else None,
        "explanation": done.why,
    }
