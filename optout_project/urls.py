"""Every address of the project."""

from django.contrib import admin
from django.urls import path, re_path
from django.views.generic import RedirectView

from messaging.webhooks import receive_webhook
from optout_project import beat_admin, health

beat_admin.register()

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    re_path(
        r"^webhooks/(?P<provider>[a-z0-9-]+)/(?P<token>[A-Za-z0-9_-]+)/(?P<kind>inbound|status)$",
        receive_webhook,
        name="webhook",
    ),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
