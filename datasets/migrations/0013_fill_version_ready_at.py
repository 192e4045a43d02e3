"""Fill in when the versions that have rows became ready: let through by hand, else when their job ended."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    versions = apps.get_model("datasets", "DatasetVersion").objects.filter(
        delta_version__isnull=False, ready_at=None
    )
    blocks = apps.get_model("datasets", "VersionBlock").objects.filter(version=OuterRef("pk"))
    jobs = apps.get_model("jobs", "Job").objects.filter(pk=OuterRef("job_id"))
    versions.update(
        ready_at=Coalesce(
            Subquery(blocks.values("waived_at")[:1]),
            Subquery(jobs.values("finished_at")[:1]),
            "created_at",
        )
    )


class Migration(migrations.Migration):
    dependencies = [("datasets", "0012_version_ready_at")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
