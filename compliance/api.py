"""The list's part of the API: checks, opt-outs, lifting and history. Doors: read, one call, answer."""

from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import phone
from accounts.lookups import find_parties, find_sender
from accounts.models import ApiKey, Tenant
from accounts.openapi import NOT_A_NUMBER, problems
from accounts.pagination import paginate
from accounts.problems import Problem, clean, refuse_field
from accounts.strict import NoQuery, TenantView
from compliance import gate, opt_outs
from compliance.evidence import Proof
from compliance.models import ActorKind, OptOut
from compliance.opt_outs import Actor
from compliance.purposes import Purpose
from compliance.serializers import (
    OPT_OUT_ID,
    ChangeOut,
    CheckIn,
    ChecksOut,
    HistoryOut,
    LiftIn,
    OptOutIn,
    OptOutOut,
    OptOutPageOut,
    OptOutQuery,
)

LONGEST_ID = 18
INVALID_RECIPIENT = {"allowed": False, "reason": "invalid_recipient", "since": None, "opt_out": None}
ALLOWED = {"allowed": True, "reason": None, "since": None, "opt_out": None}
PATH_ID = OpenApiParameter(**OPT_OUT_ID)  # type: ignore[arg-type]


class Checks(TenantView):
    scopes = {"POST": "check"}

    @extend_schema(
        operation_id="check",
        summary="Ask before sending elsewhere",
        description="Scope `check`. Stores nothing. An emergency is answered as any other text: only a send with its "
        "written reason passes an opt-out.",
        request=CheckIn,
        responses={200: ChecksOut, **problems(writes=True)},
        examples=[
            OpenApiExample(
                "Two numbers",
                value={"purpose": "marketing", "recipients": ["+12025550123", "(202) 555-0124"]},
                request_only=True,
            ),
            OpenApiExample(
                "One blocked",
                value={
                    "results": [
                        {"recipient": "+12025550123", **ALLOWED},
                        {
                            "recipient": "+12025550124",
                            "allowed": False,
                            "reason": "opted_out",
                            "since": "2026-11-02T15:04:05Z",
                            "opt_out": 17,
                        },
                    ]
                },
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        asked = self.read_body(CheckIn)
        sender = find_sender(self.tenant, asked["sender"]) if asked.get("sender") else None
        parsed = _parse_all(asked["recipients"], self.tenant.country)
        numbers = list(dict.fromkeys(number for number in parsed.values() if number))
        purpose = asked["purpose"] or Purpose.MARKETING
        refusals = gate.check_many(self.tenant, numbers, sender, purpose, timezone.now()) if numbers else {}
        return Response({"results": [_check_row(raw, parsed[raw], refusals) for raw in asked["recipients"]]})


def _parse_all(recipients: list[str], country: str) -> dict[str, str | None]:
    """E.164 of each text; None where it is no number."""
    return {raw: _parse(raw, country) for raw in recipients}


def _parse(raw: str, country: str) -> str | None:
    try:
        return phone.parse_number(raw, country)
    except phone.InvalidNumber:
        return None


def _check_row(raw: str, number: str | None, refusals: dict[str, gate.Decision]) -> dict[str, Any]:
    if number is None:
        return {"recipient": clean(raw), **INVALID_RECIPIENT}
    refusal = refusals.get(number)
    if refusal is None:
        return {"recipient": number, **ALLOWED}
    return {
        "recipient": number,
        "allowed": refusal.allowed,
        "reason": refusal.reason,
        "since": refusal.since.astimezone(UTC) if refusal.since else None,
        "opt_out": refusal.opt_out_id,
    }


class OptOuts(TenantView):
    scopes = {"GET": "read", "POST": "write"}

    @extend_schema(
        operation_id="list_opt_outs",
        summary="The list of opt-outs",
        description="Scope `read`. The last changed first, lifted ones included.",
        parameters=[OptOutQuery],
        responses={200: OptOutPageOut, **problems()},
        examples=[NOT_A_NUMBER],
    )
    def get(self, request: Request) -> Response:
        query = self.read_query(OptOutQuery)
        rows = OptOut.objects.for_tenant(self.tenant).select_related("recipient").filter(**_filters(self.tenant, query))
        page = paginate(request, rows, "changed_at", query)
        return Response(page.as_json(OptOutOut(page.rows, many=True).data))

    @extend_schema(
        operation_id="record_opt_out",
        summary="Record a request to stop",
        description="Scope `write`. 201 where it is new or in force again, 200 where it stood already: the repeat is "
        "kept in its history.",
        request=OptOutIn,
        responses={201: OptOutOut, 200: OptOutOut, **problems(writes=True)},
        examples=[
            OpenApiExample(
                "By phone",
                value={"recipient": "+12025550123", "source": "voice", "reason": "Asked our front desk to stop."},
                request_only=True,
            ),
            NOT_A_NUMBER,
        ],
    )
    def post(self, request: Request) -> Response:
        asked = self.read_body(OptOutIn)
        find_parties(self.tenant, asked.get("sender"), asked["recipient"])
        recorded = _record(self.key, asked, timezone.now())
        is_new = recorded.action == OptOut.Action.OPTED_OUT
        return Response(OptOutOut(recorded.opt_out).data, status=201 if is_new else 200)


def _filters(tenant: Tenant, query: dict[str, Any]) -> dict[str, Any]:
    """The query's filters in the words of the ORM."""
    names = {"status": "status", "source": "source", "sender": "sender"}
    names |= {"recipient": "recipient__number", "since": "changed_at__gte", "until": "changed_at__lt"}
    found = {column: query[name] for name, column in names.items() if name in query}
    if "recipient" in query:
        found["recipient__tenant"] = tenant
    return found


def _record(key: ApiKey, asked: dict[str, Any], now: datetime) -> opt_outs.OptedOut:
    by_number, sender = asked["scope"] == "number", asked.get("sender") or ""
    details = {"api_key": key.pk, "sender": sender} if sender else {"api_key": key.pk}
    request = opt_outs.Request(
        proof=Proof(asked["source"], "", now, details),
        scope=asked["scope"],
        sender=sender if by_number else "",
        reason=asked["reason"],
        requested_by=asked["requested_by"],
    )
    with transaction.atomic():
        state = opt_outs.lock_recipient(key.tenant_id, asked["recipient"], now)
        return opt_outs.record_opt_out(state, request, _actor(key), now)


def _actor(key: ApiKey) -> Actor:
    return Actor(ActorKind.API_KEY, str(key.pk), f"API key {key.name}")


def find_opt_out(tenant: Tenant, opt_out_id: str) -> OptOut:
    """An opt-out of this business. Anything else, another business's included, is not there."""
    is_id = opt_out_id.isascii() and opt_out_id.isdigit() and len(opt_out_id) <= LONGEST_ID
    rows = OptOut.objects.for_tenant(tenant).select_related("recipient")
    found: OptOut | None = rows.filter(pk=int(opt_out_id)).first() if is_id else None
    if found is None:
        raise NotFound("There is no such opt-out.")
    return found


class OptOutDetail(TenantView):
    @extend_schema(
        operation_id="get_opt_out",
        summary="One opt-out",
        description="Scope `read`.",
        parameters=[PATH_ID],
        responses={200: OptOutOut, **problems()},
    )
    def get(self, request: Request, opt_out_id: str) -> Response:
        self.read_query(NoQuery)
        return Response(OptOutOut(find_opt_out(self.tenant, opt_out_id)).data)


class OptOutHistory(TenantView):
    @extend_schema(
        operation_id="get_opt_out_history",
        summary="Every change of an opt-out",
        description="Scope `read`. Oldest first, each with who, how, why and its evidence.",
        parameters=[PATH_ID],
        responses={200: HistoryOut, **problems()},
    )
    def get(self, request: Request, opt_out_id: str) -> Response:
        self.read_query(NoQuery)
        opt_out = find_opt_out(self.tenant, opt_out_id)
        changes = OptOut.history.filter(id=opt_out.pk, tenant=self.tenant).select_related("evidence")
        return Response({"results": ChangeOut(changes.order_by("history_id"), many=True).data})


class OptOutLift(TenantView):
    scopes = {"POST": "lift"}

    @extend_schema(
        operation_id="lift_opt_out",
        summary="Opt a person back in, with evidence",
        description="Scope `lift`. The words must be newer than the opt-out. 409 `not_active` where it is lifted "
        "already.",
        parameters=[PATH_ID],
        request=LiftIn,
        responses={200: OptOutOut, **problems(409, writes=True)},
        examples=[
            OpenApiExample(
                "Asked in person",
                value={
                    "reason": "Wants appointment reminders again.",
                    "evidence": {
                        "way": "in_person",
                        "words": "Please text me again.",
                        "at": "2026-11-20T10:30:00-05:00",
                    },
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, opt_out_id: str) -> Response:
        opt_out = find_opt_out(self.tenant, opt_out_id)
        asked = self.read_body(LiftIn)
        proof = Proof(
            asked["evidence"]["way"],
            asked["evidence"]["words"],
            asked["evidence"]["at"],
            {"api_key": self.key.pk},
        )
        try:
            with transaction.atomic():
                lifted = opt_outs.lift(opt_out, proof, asked["reason"], _actor(self.key), timezone.now())
        except opt_outs.LiftRefused as refusal:
            raise _as_problem(refusal) from None
        return Response(OptOutOut(lifted).data)


def _as_problem(refusal: opt_outs.LiftRefused) -> Exception:
    if refusal.field == "opt_out":
        return Problem(409, "not_active", str(refusal))
    path = {"words": "evidence.words", "at": "evidence.at"}.get(refusal.field, refusal.field)
    return refuse_field(path, str(refusal))
