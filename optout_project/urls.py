"""Every address of the project."""

from django.contrib import admin
from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from accounts.problems import api_not_found
from compliance.api import Checks, OptOutDetail, OptOutHistory, OptOutLift, OptOuts
from compliance.classifications import Classifications
from compliance.public_page.views import opt_out_page
from compliance.shared_files import shared_file
from messaging.api import MessageDetail, Messages
from messaging.consents_api import Consents
from messaging.handset import views as handset
from messaging.webhooks import receive_webhook
from optout_project import beat_admin, health

beat_admin.register()

handler500 = "accounts.problems.server_error"

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    re_path(
        r"^webhooks/(?P<provider>[a-z0-9-]+)/(?P<token>[A-Za-z0-9_-]+)/(?P<kind>inbound|status)$",
        receive_webhook,
        name="webhook",
    ),
    path("api/v1/messages", Messages.as_view(), name="api_messages"),
    path("api/v1/messages/<str:message_id>", MessageDetail.as_view(), name="api_message"),
    path("api/v1/checks", Checks.as_view(), name="api_checks"),
    path("api/v1/classifications", Classifications.as_view(), name="api_classifications"),
    path("api/v1/opt-outs", OptOuts.as_view(), name="api_opt_outs"),
    path("api/v1/opt-outs/<str:opt_out_id>", OptOutDetail.as_view(), name="api_opt_out"),
    path("api/v1/opt-outs/<str:opt_out_id>/history", OptOutHistory.as_view(), name="api_opt_out_history"),
    path("api/v1/opt-outs/<str:opt_out_id>/lift", OptOutLift.as_view(), name="api_opt_out_lift"),
    path("api/v1/consents", Consents.as_view(), name="api_consents"),
    path("api/schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="api_schema"), name="api_docs"),
    # Without the slash at their end the two above are for CommonMiddleware to mend.
    re_path(r"^api/(?!schema$|docs$)", api_not_found, name="api_not_found"),
    path("stop/<slug:slug>/", opt_out_page, name="opt_out_page"),
    path("files/<str:signed>/", shared_file, name="shared_file"),
    path("admin/", admin.site.urls),
    path("simulator/", handset.page, name="handset"),
    path("simulator/live", handset.live, name="handset_live"),
    path("simulator/text", handset.text, name="handset_text"),
    path("simulator/send", handset.send, name="handset_send"),
    path("simulator/new", handset.new_handset, name="handset_new"),
    path("simulator/enter", handset.enter, name="handset_enter"),
    path("", handset.home, name="home"),
]
