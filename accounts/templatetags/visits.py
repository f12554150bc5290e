"""What a platform operator reads on every page: which business is open to them, why and until when."""

from typing import Any

from django import template

from accounts.models import User
from accounts.visits import current_visits

register = template.Library()


@register.inclusion_tag("admin/visit_banner.html", takes_context=True)
def visit_banner(context: dict[str, Any]) -> dict[str, Any]:
    """The banner; nothing for everybody but operators."""
    person = getattr(context.get("request"), "user", None)
    if not isinstance(person, User) or not person.is_platform_operator:
        return {}
    return {"is_operator": True, "going_on": current_visits(person), "csrf_token": context.get("csrf_token")}
