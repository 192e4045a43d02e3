"""When a version became ready."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets", "0011_quarantine_of_sources")]

    operations = [
        migrations.AddField(
            model_name="datasetversion",
            name="ready_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
