"""The list that pages are measured on: opt-outs of 100 businesses with all that led to them, made by SQL.

Three fifths belong to one business. What a filter looks for is as rare as can be: a dozen rows, the oldest of all,
so that whoever walks the list from its newest end passes millions.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.utils import timezone

from accounts.models import OperatorVisit, ProviderAccount, SenderNumber, Site, Tenant, User
from accounts.roles import Role

BUSINESSES = 100
RARE = 12
ENDING = "0123"
TABLES = ("compliance_recipient", "compliance_evidence", "compliance_optout", "compliance_historicaloptout")

# n counts the opt-outs of all businesses; 30 of the large one end alike, whatever the length of the list.
_RECIPIENTS = """
INSERT INTO compliance_recipient (tenant_id, number, created_at, seen_at, opted_in_for)
SELECT CASE WHEN n <= %(large)s THEN %(first)s ELSE %(first)s + 1 + n %% %(others)s END,
    '+1' || CASE WHEN n <= 30 THEN (303555 + n)::text || %(ending)s ELSE (4000000000 + n::bigint * 977)::text END,
    now(), now(), '[]'
FROM generate_series(1, %(size)s) n
"""
_EVIDENCE = """
INSERT INTO compliance_evidence (tenant_id, recipient_id, way, words, occurred_at, details, digest, created_at)
SELECT tenant_id, id, CASE WHEN id %% 12 = 0 THEN 'keyword' ELSE 'import' END,
    CASE WHEN id %% 12 = 0 THEN 'STOP' ELSE '' END, now() - interval '2 years', '{}', '', now()
FROM compliance_recipient ORDER BY id
"""
_OPT_OUTS = """
INSERT INTO compliance_optout (tenant_id, recipient_id, scope, sender, requested_by, status, source, reason, rule,
    language, texted, episode, opted_out_at, asked_at, changed_at, action, actor_kind, actor_id, actor_name,
    evidence_id, evidence_digest, preceding_id, preceding_user_id, preceding_user, preceding_campaign_id,
    preceding_campaign)
SELECT e.tenant_id, e.recipient_id, 'tenant', '',
    CASE WHEN rare THEN 'business' ELSE 'recipient' END, CASE WHEN rare THEN 'lifted' ELSE 'active' END,
    CASE WHEN rare THEN 'carrier' ELSE e.way END, '', '',
    CASE WHEN rare THEN 'ja' WHEN texted THEN 'en' ELSE '' END,
    CASE WHEN rare THEN '+12025550199' WHEN texted THEN '+120255501' || lpad((e.id %% 9)::text, 2, '0') ELSE '' END,
    1, moment, moment, moment, CASE WHEN rare THEN 'lifted' ELSE 'opted_out' END, 'system', '', 'System', e.id, '', '',
    CASE WHEN rare THEN %(rare_user)s WHEN texted THEN %(user)s END,
    CASE WHEN texted THEN 'Employee' ELSE '' END,
    CASE WHEN rare THEN 1000 WHEN texted THEN 1 + e.id %% 40 END,
    CASE WHEN texted THEN 'Campaign' ELSE '' END
FROM (
    SELECT *, now() - interval '1 year' + (id - %(base)s) * interval '6 seconds' AS moment,
        id - %(base)s <= 30 AND (id - %(base)s) %% 5 < 2 AS rare, id %% 12 = 0 OR id - %(base)s <= 30 AS texted
    FROM compliance_evidence ORDER BY id
) e
"""
_HISTORY = """
INSERT INTO compliance_historicaloptout ({columns}, history_date, history_change_reason, history_type)
SELECT {columns}, changed_at, '', '+' FROM compliance_optout ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """How a measuring client gets at the pages: its cookie, and the addresses below /admin/."""

    cookie: str
    operator_cookie: str
    pages: dict[str, str]


def fill(size: int) -> Opened:
    """Fill an empty database with so many opt-outs. Five million take a few minutes."""
    first, user, rare_user, operator = _people()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # the keys hold by the way the rows are made
        indexes = _drop_indexes(cursor)
        given: dict[str, int | str] = {
            "size": size,
            "large": size * 3 // 5,
            "first": first.pk,
            "others": BUSINESSES - 1,
            "ending": ENDING,
        }
        cursor.execute(_RECIPIENTS, given)
        cursor.execute(_EVIDENCE, {})
        cursor.execute("SELECT min(id) - 1 FROM compliance_evidence")
        cursor.execute(_OPT_OUTS, {"base": cursor.fetchone()[0], "user": user.pk, "rare_user": rare_user.pk})
        cursor.execute(_HISTORY.format(columns=", ".join(_tracked())))
        for statement in indexes:
            cursor.execute(statement)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE")
    _visit_all(operator)
    return Opened(_log_in(user), _log_in(operator), _pages(rare_user))


def _people() -> tuple[Tenant, User, User, User]:
    """A hundred businesses, and of the first its numbers, a site and two people."""
    fields = {"brand_name": "Bench", "help_contact": "help@bench.example"}
    for n in range(BUSINESSES):
        Tenant.objects.create(slug=f"bench-{n}", name=f"Bench {n}", **fields)
    first: Tenant = Tenant.objects.order_by("pk")[0]
    account = ProviderAccount(tenant=first, provider="simulator", name="Bench", token=ProviderAccount.make_token())
    account.settings = {}
    account.save()
    site, rare = (Site.objects.create(tenant=first, name=name) for name in ("Site", "Rare"))
    numbers = [(f"+120255501{n:02d}", site) for n in range(9)] + [("+12025550199", rare)]
    for number, place in numbers:
        SenderNumber.objects.create(tenant=first, number=number, site=place, account=account)
    officer, other = (
        User.objects.create_user(name, tenant=first, role=Role.COMPLIANCE_OFFICER) for name in ("officer", "rare")
    )
    return first, officer, other, User.objects.create_superuser("operator")


def _visit_all(operator: User) -> None:
    """Open every business to the operator, whose lists would be empty and quick without a visit."""
    now = timezone.now()
    until = now + timedelta(days=1)  # longer than a person may: filling and measuring take their time
    OperatorVisit.objects.bulk_create(
        OperatorVisit(tenant=tenant, operator=operator, reason="A benchmark", started_at=now, ends_at=until)
        for tenant in Tenant.objects.all()
    )


def _drop_indexes(cursor) -> list[str]:  # type: ignore[no-untyped-def]
    """Take off what only slows the filling, and return the statements that bring it back."""
    cursor.execute(
        """
        SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = ANY(%s::regclass[]) AND NOT i.indisunique
        """,
        [list(TABLES)],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP INDEX {name}")
    return [statement for _, statement in found]


def _tracked() -> list[str]:
    from compliance.models import OptOut

    return [field.column for field in OptOut.history.model.tracked_fields]


def _log_in(person: User) -> str:
    """A session as the log-in page makes one."""
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = "accounts.auth.RoleBackend"
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def _pages(rare_user: User) -> dict[str, str]:
    """The pages that are asked, by what they are called in the table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, number FROM compliance_recipient ORDER BY id OFFSET 7 LIMIT 1")
        recipient, number = cursor.fetchone()
        cursor.execute("SELECT min(opted_out_at)::date, min(opted_out_at)::date + 1 FROM compliance_optout")
        day, next_day = cursor.fetchone()
    rare_site = Site.objects.get(name="Rare").pk
    listed = "compliance/optout/?"
    return {
        "list": listed,
        "search, whole number": f"{listed}q=%2B{number[1:]}",
        "search, last four digits": f"{listed}q={ENDING}",
        "filter by status": f"{listed}status__exact=lifted",
        "filter by source": f"{listed}source__exact=carrier",
        "filter by who asked": f"{listed}requested_by__exact=business",
        "filter by language": f"{listed}language=ja",
        "filter by company number": f"{listed}number=%2B12025550199",
        "filter by site": f"{listed}site={rare_site}",
        "filter by employee": f"{listed}employee={rare_user.pk}",
        "filter by day": f"{listed}opted_out_at_from={day}&opted_out_at_to={next_day}",
        "recipients": "compliance/recipient/?",
        "recipient": f"compliance/recipient/{recipient}/change/",
    }
