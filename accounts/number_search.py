"""Finding people by their number: written in any way, or by its last digits.

Every search goes by the last four digits, over which the table of recipients has an index on both engines: it costs
the same in a list of millions.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

from django.db.models import CharField, F, Func, QuerySet
from django.db.models.lookups import In

from accounts.models import User
from accounts.phone import read_search

FALLBACK_REGION = "US"
DIGITS = "0123456789"
INDEXED = 4
FEWEST = 3
FEWEST_OF_A_WHOLE = 7
AT_MOST = 2_000


class LastFour(Func):
    """The last four digits of a number, in SQL without parameters, so that the index over it is recognised."""

    template = "RIGHT(%(expressions)s, 4)"
    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, -4)", **context)


def search_numbers(rows: QuerySet[Any], term: str, person: User, to_recipient: str = "") -> QuerySet[Any]:
    """Rows whose recipient's number is written so, or ends so.

    to_recipient: how a row leads to its recipient, such as `recipient__`; "" for rows that have the number themselves.
    """
    if person.tenant_id:
        rows = rows.filter(**{f"{to_recipient}tenant": person.tenant_id})
    whole = read_search(term, person.tenant.country if person.tenant else FALLBACK_REGION)
    ways = [(whole, "exact")] if whole.startswith("+") else []
    for written, lookup in [*ways, *((ending, "endswith") for ending in _endings(term))]:
        found = _narrow(rows, written, person, to_recipient, lookup)
        if found is not None:
            return found
    return rows.none()


def _narrow(rows: QuerySet[Any], written: str, person: User, to_recipient: str, lookup: str) -> QuerySet[Any] | None:
    """The people first, then their rows by key. Left to itself the database walks the whole list for a rare number.

    Where more people fit than are looked up, there is one on every page of the list, and walking it is quick. None
    where nobody fits.
    """
    owners = _owners_of(rows, to_recipient)
    if person.tenant_id:
        owners = owners.filter(tenant=person.tenant_id)
    found = list(_written(owners, written, "", lookup).order_by().values_list("pk", flat=True)[: AT_MOST + 1])
    if len(found) > AT_MOST:
        return _written(rows, written, to_recipient, lookup)
    return rows.filter(**{f"{to_recipient}pk__in": found}) if found else None


def _owners_of(rows: QuerySet[Any], to_recipient: str) -> QuerySet[Any]:
    model: Any = rows.model
    for step in filter(None, to_recipient.split("__")):
        model = model._meta.get_field(step).related_model  # noqa: SLF001 - Django's own name for it
    owners: QuerySet[Any] = model._base_manager.all()  # noqa: SLF001
    return owners


def _written(rows: QuerySet[Any], number: str, to_number: str, lookup: str) -> QuerySet[Any]:
    by_index = In(LastFour(F(f"{to_number}number")), list(_last_four(number)))
    return rows.filter(by_index, **{f"{to_number}number__{lookup}": number})


def _last_four(ending: str) -> Iterator[str]:
    """What the last four digits can be, of a number that ends so."""
    for before in product(DIGITS, repeat=max(0, INDEXED - len(ending))):
        yield f"{''.join(before)}{ending[-INDEXED:]}"


def _endings(term: str) -> Iterator[str]:
    """What a number may end with: the digits as they are written, and without the zeros of a national number."""
    digits = "".join(str(int(character)) for character in term if character.isdecimal())
    if len(digits) >= FEWEST:
        yield digits
    bare = digits.lstrip("0")
    if bare != digits and len(bare) >= FEWEST_OF_A_WHOLE:
        yield bare
