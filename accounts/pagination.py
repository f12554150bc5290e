"""Pages of a list, newest first: a page costs the same however deep it lies, and nothing is counted.

REST framework's own cursor skips rows with an offset where many share a moment, as an import of a million does; ours
goes by moment and id together.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request

from accounts.problems import refuse_field


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list, and the direction to read from there."""

    backwards: bool
    at: datetime
    id: str

    def encode(self) -> str:
        raw = json.dumps([int(self.backwards), self.at.isoformat(), self.id]).encode()
        return urlsafe_b64encode(raw).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raises ValueError for what is none of ours."""
        backwards, at, row_id = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("a moment without an offset")
        return cls(bool(backwards), moment, str(row_id))


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the addresses of the pages around them."""

    rows: list[Any]
    next: str | None
    previous: str | None

    def as_json(self, results: Any) -> dict[str, Any]:
        return {"results": results, "next": self.next, "previous": self.previous}


def paginate(request: Request, rows: QuerySet[Any], moment: str, query: dict[str, Any]) -> Page:
    """The page that `cursor` and `page_size` ask for. Raises a 400 that names the cursor."""
    size, cursor = query["page_size"], _read_cursor(query.get("cursor"), rows.model)
    backwards = cursor is not None and cursor.backwards
    order = (moment, "pk") if backwards else (f"-{moment}", "-pk")
    found = list(_beyond(rows, moment, cursor).order_by(*order)[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_next, has_previous = (True, more) if backwards else (more, cursor is not None)
    return Page(
        found,
        _address(request, found[-1:], moment, backwards=False) if has_next else None,
        _address(request, found[:1], moment, backwards=True) if has_previous else None,
    )


def _read_cursor(text: str | None, model: type[Model]) -> Cursor | None:
    if not text:
        return None
    try:
        cursor = Cursor.decode(text)
        model._meta.pk.to_python(cursor.id)  # noqa: SLF001 - Django's documented door to a model's fields
    except (ValueError, TypeError, OverflowError, RecursionError, DjangoValidationError):
        raise refuse_field("cursor", "This is no cursor of ours; take it from `next` or `previous`.") from None
    return cursor


def _beyond(rows: QuerySet[Any], moment: str, cursor: Cursor | None) -> QuerySet[Any]:
    """The rows past the cursor. The bare comparison with the moment lets an index find the place."""
    if cursor is None:
        return rows
    side = "gt" if cursor.backwards else "lt"
    past = Q((f"{moment}__{side}", cursor.at)) | Q((f"pk__{side}", cursor.id))
    return rows.filter(Q((f"{moment}__{side}e", cursor.at)), past)


def _address(request: Request, edge: list[Any], moment: str, backwards: bool) -> str | None:
    if not edge:
        return None
    query = request.query_params.copy()
    query["cursor"] = Cursor(backwards, getattr(edge[0], moment), str(edge[0].pk)).encode()
    address = f"{request.path}?{query.urlencode()}"
    public = urlsplit(settings.PUBLIC_URL)
    # Behind a proxy that ends TLS we are called by http, under the public name.
    same_host = request.get_host() == public.netloc
    return f"{settings.PUBLIC_URL}{address}" if same_host else str(request.build_absolute_uri(address))
