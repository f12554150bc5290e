from datetime import timedelta

from django.db import migrations
from django.db.models import F


def set_alerts(apps, schema_editor):
    """Reviews from before alerts: two days before they are due, which is never too late."""
    reviews = apps.get_model("compliance", "ReviewItem").objects
    reviews.filter(status="open", alert_at=None).exclude(due_at=None).update(alert_at=F("due_at") - timedelta(days=2))


class Migration(migrations.Migration):
    dependencies = [("compliance", "0006_review_alerts")]

    operations = [migrations.RunPython(set_alerts, migrations.RunPython.noop)]
