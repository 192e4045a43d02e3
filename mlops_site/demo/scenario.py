"""The demo, step by step; each first looks whether it was done, so that a second run goes on."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Max, Min

from accounts.models import Project, Scope
from accounts.principals import Principal
from accounts.selectors import principal_in_project
from accounts.services import create_token, revoke_token
from core.clock import now
from datasets.models import Dataset, DatasetVersion
from datasets.selectors import latest_ready_version
from datasets.services import create_dataset, upload_version
from jobs.models import Job, JobStatus
from jobs.schedule import parse_crontab
from jobs.services import retry
from mlops_site.demo.client import ENDPOINT, SiteClient
from mlops_site.demo.data import DRIFTING_COLUMN, TARGET, DemoData, demo_data
from mlops_site.demo.errors import DemoFailedError
from models_registry.models import ModelVersion, RegisteredModel, Validation
from models_registry.selectors import champion_of
from models_registry.services import promote
from monitoring.models import DriftReport, GroundTruth, Verdict
from monitoring.services import request_drift_report
from retraining.models import RetrainDecision, RetrainPolicy, RetrainVerdict
from retraining.services import PolicyTerms, check_triggers, create_policy
from serving.models import Endpoint
from serving.selectors.predictions import predictions
from serving.services import create_endpoint
from training.services import start_training

DATASET = "breast cancer"
MODEL = "breast-cancer"
#: Every Monday at three.
SCHEDULE = parse_crontab("0 3 * * 1")
_JOB_SECONDS = 180.0
_SHIPPING_SECONDS = 90.0
_TRIGGER_SECONDS = 60.0
_MARGIN = timedelta(milliseconds=1)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Demo:
    """One run of the demo: on whose behalf, against which site, telling whom."""

    principal: Principal
    base_url: str
    say: Say

    def run(self) -> RetrainDecision:
        """Go through the whole loop and return the retraining's decision.

        Raises
        ------
        DemoFailedError
            A step did not succeed.
        """
        done = self._decision()
        if done is not None:
            self.say("The demo is there already.")
            return done
        data = demo_data()
        version = self._dataset_version(data)
        model = self._champion(version)
        endpoint = self._endpoint(model)
        policy = self._policy(endpoint, data)
        self._send_traffic(endpoint, data)
        self._report(endpoint, data, drifting=False)
        self._report(endpoint, data, drifting=True)
        return self._retrained(policy)

    def _decision(self) -> RetrainDecision | None:
        """Return the decision about a challenger; that of a retraining that failed is none."""
        return (
            RetrainDecision.objects.filter(
                policy__endpoint__project_id=self.principal.project_id,
                policy__endpoint__name=ENDPOINT,
            )
            .exclude(verdict=RetrainVerdict.FAILED)
            .first()
        )

    def _dataset_version(self, data: DemoData) -> DatasetVersion:
        dataset = Dataset.objects.filter(
            project_id=self.principal.project_id, name=DATASET
        ).first() or create_dataset(
            principal=self.principal,
            name=DATASET,
            description="Wisconsin diagnostic breast cancer, as bundled with scikit-learn.",
        )
        ready = dataset.versions.filter(number=1).first()
        if ready is None or latest_ready_version(dataset) is None:
            self.say("1/7 uploading the training rows")
            job = upload_version(
                principal=self.principal,
                dataset=dataset,
                file=io.BytesIO(data.training_csv),
                filename="breast_cancer.csv",
            )
            self._wait_for(job, "the upload")
        first = dataset.versions.order_by("number").exclude(delta_version=None).first()
        if first is None:
            raise DemoFailedError("The upload left no dataset version.")
        return first

    def _champion(self, version: DatasetVersion) -> RegisteredModel:
        model = self._model()
        newest = model.versions.order_by("number").first() if model else None
        if newest is None:
            self.say("2/7 training a model and testing it at the gates")
            job = start_training(
                principal=self.principal,
                dataset_version=version,
                target=TARGET,
                model=MODEL,
                estimator="logistic",
                seed=7,
            )
            self._wait_for(job, "the training")
            model = self._model()
            newest = model.versions.order_by("number").first() if model else None
        if model is None or newest is None:
            raise DemoFailedError("The training left no model version.")
        if champion_of(model) is None:
            self._promote(newest)
        return model

    def _model(self) -> RegisteredModel | None:
        return RegisteredModel.objects.filter(
            project_id=self.principal.project_id, name=MODEL
        ).first()

    def _promote(self, version: ModelVersion) -> None:
        if version.validation != Validation.PASSED:
            raise DemoFailedError(f"{version} did not pass its gates; see the admin.")
        self.say(f"3/7 promoting {version}")
        promote(principal=self.principal, version=version, reason="passed all gates")

    def _endpoint(self, model: RegisteredModel) -> Endpoint:
        present = Endpoint.objects.filter(
            project_id=self.principal.project_id, name=ENDPOINT
        ).first()
        return present or create_endpoint(principal=self.principal, name=ENDPOINT, model=model)

    def _policy(self, endpoint: Endpoint, data: DemoData) -> RetrainPolicy:
        present = RetrainPolicy.objects.filter(endpoint=endpoint).first()
        return present or create_policy(
            principal=self.principal,
            endpoint=endpoint,
            terms=PolicyTerms(
                min_labels=data.row_count,
                test_fraction=data.late_rows / data.row_count,
                cooldown_hours=0.0,
            ),
            schedule=SCHEDULE,
        )

    def _send_traffic(self, endpoint: Endpoint, data: DemoData) -> None:
        """Ask for predictions over HTTP, batch by batch, and send the truth after each."""
        labelled = GroundTruth.objects.filter(endpoint=endpoint).count()
        done = labelled // len(data.batches[0].instances)
        if done >= len(data.batches):
            return
        self.say(f"4/7 sending {data.row_count - labelled} patients with their diagnoses")
        token, secret = create_token(
            user=User.objects.get(pk=self.principal.user_id or 0),
            project=Project.objects.get(pk=self.principal.project_id),
            name="demo traffic",
            scopes=[Scope.PREDICT, Scope.WRITE],
            expires_at=now() + timedelta(hours=1),
        )
        try:
            client = SiteClient(self.base_url, secret)
            for batch in data.batches[done:]:
                client.tell_truth(client.predict(batch.instances), batch.labels)
        finally:
            revoke_token(principal=self.principal, token=token)

    def _report(self, endpoint: Endpoint, data: DemoData, *, drifting: bool) -> None:
        """Compare one stretch of the traffic with the training reference."""
        start, end = _window(endpoint, data, drifting=drifting)
        if DriftReport.objects.filter(endpoint=endpoint, window_start__gte=start).exists() or (
            not drifting and DriftReport.objects.filter(endpoint=endpoint).exists()
        ):
            return
        self.say(
            f"6/7 looking at the traffic since '{DRIFTING_COLUMN}' comes in another unit"
            if drifting
            else "5/7 looking at the quiet stretch of the traffic"
        )
        rows = data.row_count - data.quiet_rows if drifting else data.quiet_rows
        self._wait_until(
            lambda: (
                len(
                    predictions(
                        project_id=self.principal.project_id,
                        endpoint_id=endpoint.pk,
                        start=start,
                        end=end,
                    )
                    or ()
                )
                >= rows
            ),
            seconds=_SHIPPING_SECONDS,
            what="the predictions to arrive in the lake",
        )
        job = request_drift_report(
            principal=self.principal, endpoint=endpoint, start=start, end=end
        )
        self._wait_for(job, "the drift report")
        report = DriftReport.objects.get(pk=job.result["drift_report"])
        expected = Verdict.DRIFT if drifting else Verdict.NO_DRIFT
        if report.verdict != expected:
            self.say(f"    (expected '{expected.label}', the report says '{report.verdict}')")

    def _retrained(self, policy: RetrainPolicy) -> RetrainDecision:
        """Let the open alert start a retraining (the beat would, within half a minute)."""
        self.say("7/7 the alert starts a retraining: a challenger meets the champion")
        check_triggers()
        self._wait_until(
            lambda: self._retraining(policy) is not None,
            seconds=_TRIGGER_SECONDS,
            what="the alert to start a retraining",
        )
        job = self._retraining(policy)
        assert job is not None
        if job.is_final and job.status != JobStatus.SUCCEEDED:
            retry(principal=self.principal, job=job)
        self._wait_for(job, "the retraining")
        decision = self._decision()
        if decision is None:
            raise DemoFailedError("The retraining left no decision.")
        self.say(f"    {decision.get_verdict_display()}: {decision.reason}")
        return decision

    def _retraining(self, policy: RetrainPolicy) -> Job | None:
        return Job.objects.filter(
            project_id=self.principal.project_id, kind="retrain", arguments__policy=policy.pk
        ).first()

    def _wait_for(self, job: Job, what: str) -> None:
        def is_over() -> bool:
            job.refresh_from_db()
            return job.is_final

        self._wait_until(is_over, seconds=_JOB_SECONDS, what=f"{what} (job {job.pk})")
        if job.status != JobStatus.SUCCEEDED:
            why = job.error_message or job.status
            raise DemoFailedError(f"{what[0].upper()}{what[1:]} did not succeed: {why}")

    def _wait_until(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        give_up_at = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > give_up_at:
                raise DemoFailedError(f"Waited {seconds:.0f} s in vain for {what}.")
            time.sleep(0.25)


def seed(*, base_url: str, username: str, project_slug: str, say: Say) -> RetrainDecision:
    """Run the demo in a project on behalf of a user; do nothing when it is there already.

    Raises
    ------
    DemoFailedError
        The user or the project is missing, or a step did not succeed.
    """
    user = User.objects.filter(username=username).first()
    project = Project.objects.filter(slug=project_slug).first()
    if user is None or project is None:
        raise DemoFailedError(f"There is no user '{username}', or no project '{project_slug}'.")
    demo = Demo(principal=principal_in_project(user, project), base_url=base_url, say=say)
    return demo.run()


def _window(endpoint: Endpoint, data: DemoData, *, drifting: bool) -> tuple[datetime, datetime]:
    """Return when the predictions of one stretch were made, by what is known of their labels."""
    ids = GroundTruth.objects.filter(endpoint=endpoint).order_by("id").values("pk")
    stretch = ids[data.quiet_rows : data.row_count] if drifting else ids[: data.quiet_rows]
    moments = GroundTruth.objects.filter(pk__in=list(stretch.values_list("pk", flat=True)))
    found = moments.aggregate(first=Min("predicted_at"), last=Max("predicted_at"))
    return found["first"], found["last"] + _MARGIN
