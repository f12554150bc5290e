from django.db import migrations


def note_consents(apps, schema_editor):
    """What the gate asks of consents stands on the recipient from now on: take it over from the rows."""
    Recipient, Consent = apps.get_model("compliance", "Recipient"), apps.get_model("compliance", "Consent")
    covered = {}
    for recipient_id, scope, sender in Consent.objects.values_list("recipient_id", "scope", "sender").iterator():
        covered.setdefault(recipient_id, set()).add("*" if scope == "tenant" else sender)
    for recipient_id, numbers in covered.items():
        Recipient.objects.filter(pk=recipient_id).update(opted_in_for=sorted(numbers))


class Migration(migrations.Migration):
    dependencies = [("compliance", "0002_consents")]

    operations = [migrations.RunPython(note_consents, migrations.RunPython.noop)]
