"""MAY WE: the central list, the gate and the proof."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ComplianceConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "compliance"
    verbose_name = "Opt-outs"

    def ready(self) -> None:
        from compliance import evidence_pack, timeline
        from compliance.evidence_pack.own import PARTS
        from compliance.timeline.own import SOURCES
        from compliance.triggers import install_after_migrate

        timeline.register(*SOURCES)
        evidence_pack.register(*PARTS)
        post_migrate.connect(install_after_migrate, sender=self)
