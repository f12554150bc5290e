"""HOW: what people text us, what we text them, and the providers in between."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "messaging"
    verbose_name = "Messages"

    def ready(self) -> None:
        from compliance import campaigns, evidence_pack, timeline
        from compliance.transfer.jobs import work_waits
        from messaging.evidence_pack import PARTS
        from messaging.models import Campaign
        from messaging.timeline import SOURCES
        from messaging.waking import wake_list_work

        timeline.register(*SOURCES)
        evidence_pack.register(*PARTS)
        campaigns.register(Campaign.objects.visible_to)
        work_waits.connect(lambda sender, key, **_: wake_list_work(key), dispatch_uid="wake_list_work", weak=False)
