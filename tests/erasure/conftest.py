"""A hospital: patients' rows in versions that share files, a model, predictions and labels."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from django.conf import settings
from django.contrib.auth.models import User

from accounts.models import Project, Role
from accounts.principals import Principal
from core.blobs import default_store
from core.clock import now
from core.fingerprints import fingerprint
from core.ids import uuid7
from core.sealing import seal
from datasets import lake
from datasets.execution.erasure.jobs import PURPOSE
from datasets.models import Dataset, DatasetVersion, ErasureRequest, ErasureStatus
from datasets.services import create_dataset, upload_version
from experiments.services import create_run, get_or_create_experiment
from jobs.models import Job
from models_registry.models import ModelVersion, RegisteredModel
from models_registry.signatures import Field, Signature
from monitoring.models import GroundTruth
from serving.models import Endpoint
from serving.prediction_log import LoggedRequest, SegmentWriter, encode_request

#: Whom the tests erase. Nothing else in the home folder may spell this.
SUBJECT = "patient-Zwölf-7731xyz"
PART = "7731xyz"
"""What is left of it however it is written; no digest or id can have it by chance."""


def rows_of(first: int, count: int) -> str:
    """Return rows of patients, every tenth of them the subject's."""
    lines = []
    for number in range(first, first + count):
        patient = SUBJECT if number % 10 == 3 else f"patient-{number:04d}"
        lines.append(
            f"{patient},{20 + number % 60},{number * 1.5},{'yes' if number % 3 else 'no'}\n"
        )
    return "".join(lines)


@pytest.fixture
def hospital(principal: Principal, run_job: Callable[[Job], Job]) -> list[DatasetVersion]:
    """Three versions: a first one, rows appended to it, and a replacement without the subject."""
    dataset = create_dataset(principal=principal, name="hospital")
    header = "patient,age,dose,ill\n"
    versions = []
    for content, mode in (
        (header + rows_of(0, 60), "replace"),
        (header + rows_of(60, 40), "append"),
        (header + "patient-0001,33,1.5,yes\npatient-0002,44,2.5,no\n", "replace"),
    ):
        done = run_job(
            upload_version(
                principal=principal,
                dataset=dataset,
                file=io.BytesIO(content.encode()),
                filename="patients.csv",
                mode=mode,
            )
        )
        assert done.status == "succeeded", done.error_message
        versions.append(DatasetVersion.objects.get(pk=done.result["dataset_version"]))
    return versions


@pytest.fixture
def model(principal: Principal, untrained: ModelVersion) -> ModelVersion:
    """The model version with a run on its data, and with a reference sample of all of their rows."""
    data = untrained.dataset_version
    assert data is not None
    create_run(
        principal=principal,
        experiment=get_or_create_experiment(principal=principal, name="illness"),
        name="illness",
        dataset_version=data,
    )
    buffer = io.BytesIO()
    pq.write_table(lake.read_table(data, ["age", "dose"]), buffer)
    untrained.reference_digest = default_store().put_bytes(buffer.getvalue()).digest
    untrained.save()
    return untrained


@pytest.fixture
def predicted(project: Project) -> Iterator[list[UUID]]:
    """Five predictions, two of them about the subject, with labels; still on their way to the lake."""
    line, _ = RegisteredModel.objects.get_or_create(project=project, name="illness")
    endpoint = Endpoint.objects.create(project=project, name="illness", model=line)
    writer = SegmentWriter(Path(settings.PREDICTION_LOG_ROOT))
    ids = [uuid7() for _ in range(5)]
    patients = [SUBJECT, "patient-0001", SUBJECT, "patient-0002", "patient-0004"]
    writer.append(
        encode_request(
            LoggedRequest(
                project_id=endpoint.project_id,
                endpoint_id=endpoint.pk,
                deployment_id=1,
                model_version_id=1,
                request_id="r",
                token_prefix="t",
                at=now(),
                prediction_ids=[str(one) for one in ids],
                instances=[{"patient": patient, "age": 40, "dose": 1.0} for patient in patients],
                predictions=["yes"] * 5,
            )
        )
    )
    GroundTruth.objects.bulk_create(
        GroundTruth(
            project=endpoint.project,
            endpoint=endpoint,
            prediction_id=one,
            value="no",
            predicted_at=now(),
        )
        for one in ids
    )
    writer.rotate()
    yield ids
    writer.close()


@pytest.fixture
def second(principal_as: Callable[[Role], Principal]) -> Principal:
    """A second administrator."""
    return principal_as(Role.ADMIN)


def dataset_of(versions: list[DatasetVersion]) -> Dataset:
    """Return the dataset of some versions as it is now."""
    return Dataset.objects.get(pk=versions[0].dataset_id)


@pytest.fixture
def upload_to(
    principal: Principal, hospital: list[DatasetVersion], run_job: Callable[[Job], Job]
) -> Callable[[str], DatasetVersion]:
    """Return a function that replaces the hospital's rows."""

    def send(content: str) -> DatasetVersion:
        job = upload_version(
            principal=principal,
            dataset=hospital[0].dataset,
            file=io.BytesIO(content.encode()),
            filename="more.csv",
        )
        return DatasetVersion.objects.get(pk=run_job(job).result["dataset_version"])

    return send


@pytest.fixture
def waiting(principal: Principal, project: Project) -> ErasureRequest:
    """An erasure that was searched for and waits for a second person; no dataset stands behind it."""
    assert principal.user_id is not None
    return ErasureRequest.objects.create(
        project=project,
        status=ErasureStatus.SEARCHED,
        column="patient",
        subject_sealed=seal({"subject": SUBJECT}),
        subject_hash=fingerprint(SUBJECT, purpose=PURPOSE),
        requested_by=User.objects.get(pk=principal.user_id),
    )


@pytest.fixture
def untrained(project: Project, hospital: list[DatasetVersion]) -> ModelVersion:
    """A model version that says it was trained on the second version; it has no files."""
    line, _ = RegisteredModel.objects.get_or_create(project=project, name="illness")
    return ModelVersion.objects.create(
        model=line,
        number=1,
        status="ready",
        task="classification",
        estimator="logistic",
        dataset_version=hospital[1],
        artifact_digest="0" * 64,
        signature=Signature(
            inputs=(Field(name="patient", type="string", nullable=True),),
            task="classification",
            classes=("no", "yes"),
        ).to_dict(),
    )
