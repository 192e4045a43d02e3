"""What happens by the clock."""

from __future__ import annotations

from mlops_site.settings.environment import env

#: Beat entries that the product itself needs; people add theirs in the admin.
CELERY_BEAT_SCHEDULE = {
    "reconcile jobs": {
        "task": "jobs.tasks.reconcile",
        "schedule": env.float("JOB_RECONCILE_SECONDS", default=10.0),
        "options": {"expires": 30, "queue": "default"},
    },
    "let old predictions go": {
        "task": "serving.tasks.delete_old_predictions",
        "schedule": 3600.0,
        "options": {"expires": 3600, "queue": "default"},
    },
    "follow champions": {
        "task": "serving.tasks.follow_champions",
        "schedule": 10.0,
        "options": {"expires": 10, "queue": "default"},
    },
    "advance rollouts": {
        "task": "serving.tasks.advance_rollouts",
        "schedule": 5.0,
        "options": {"expires": 5, "queue": "default"},
    },
    "forget old traffic": {
        "task": "serving.tasks.forget_traffic",
        "schedule": 86_400.0,
        "options": {"expires": 3600, "queue": "default"},
    },
    "profile new dataset versions": {
        "task": "datasets.tasks.profile_new_versions",
        "schedule": 20.0,
        "options": {"expires": 20, "queue": "default"},
    },
    "retention and compaction of datasets": {
        "task": "datasets.tasks.keep_house",
        "schedule": 6 * 3600.0,  # each does its work once a day: keys see to it
        "options": {"expires": 3600, "queue": "default"},
    },
    "scheduled drift reports": {
        "task": "monitoring.tasks.run_scheduled_reports",
        "schedule": 3600.0,
        "options": {"expires": 1800, "queue": "monitoring"},
    },
    "retraining triggers": {
        "task": "retraining.tasks.check_triggers",
        "schedule": 30.0,
        "options": {"expires": 60, "queue": "monitoring"},
    },
}
