"""The data that is measured on: one business, its connections, and a list of a million, made by SQL."""

from dataclasses import dataclass

from django.db import connection

from accounts.models import ApiKey, ProviderAccount, SenderNumber, Tenant

LIST_SIZE = 1_000_000

_RECIPIENTS = """
INSERT INTO compliance_recipient (tenant_id, number, created_at, seen_at, opted_in_for)
SELECT %s, '+1303' || lpad(n::text, 7, '0'), now(), now(), '[]' FROM generate_series(1, %s) n
"""
_EVIDENCE = """
INSERT INTO compliance_evidence (tenant_id, recipient_id, way, words, occurred_at, details, digest, created_at)
SELECT tenant_id, id, 'import', '', now(), '{}', '', now() FROM compliance_recipient WHERE tenant_id = %s
"""
_OPT_OUTS = """
INSERT INTO compliance_optout (tenant_id, recipient_id, scope, sender, requested_by, status, source, reason, rule,
    language, texted, episode, opted_out_at, asked_at, changed_at, action, actor_kind, actor_id, actor_name,
    evidence_id, evidence_digest, preceding_id, preceding_user, preceding_campaign)
SELECT tenant_id, recipient_id, 'tenant', '', 'recipient', 'active', 'import', '', '', '', '', 1, now(), now(), now(),
    'opted_out', 'system', '', '', id, '', '', '', '' FROM compliance_evidence WHERE tenant_id = %s
"""


@dataclass(frozen=True, slots=True)
class Seeded:
    """What a benchmark needs of the seeded business."""

    tenant: Tenant
    sender: SenderNumber
    token: str
    key: str


def seed() -> Seeded:
    """Fill an empty database. A million rows take about a minute."""
    tenant = Tenant.objects.create(
        slug="bench", name="Bench", brand_name="Bench", help_contact="help@bench.example", is_demo=True
    )
    account = ProviderAccount(tenant=tenant, provider="simulator", name="Bench", token=ProviderAccount.make_token())
    account.settings = {}
    account.save()
    sender = SenderNumber.objects.create(tenant=tenant, number="+12025550190", account=account)
    _, key = ApiKey.issue(tenant, "bench", list(ApiKey.DEFAULT_SCOPES))
    with connection.cursor() as cursor:
        cursor.execute(_RECIPIENTS, [tenant.pk, LIST_SIZE])
        cursor.execute(_EVIDENCE, [tenant.pk])
        cursor.execute(_OPT_OUTS, [tenant.pk])
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, body text)")
        cursor.execute("ANALYZE")
    return Seeded(tenant, sender, account.token, key)
