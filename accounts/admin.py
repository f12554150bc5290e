"""Admin pages of WHO, one file each: Django looks for them here."""

from django.contrib.auth.models import Group

from accounts.admin_base import unregister
from accounts.admin_business import BusinessAdmin, SiteAdmin
from accounts.admin_keys import KeyAdmin
from accounts.admin_numbers import NumberAdmin
from accounts.admin_oversight import AccessRecordAdmin, LogInAdmin
from accounts.admin_people import PersonAdmin

__all__ = ["AccessRecordAdmin", "BusinessAdmin", "KeyAdmin", "LogInAdmin", "NumberAdmin", "PersonAdmin", "SiteAdmin"]

unregister(Group)
