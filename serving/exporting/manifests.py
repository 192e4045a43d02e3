"""What lets an exported server run elsewhere: Dockerfile, Kubernetes manifests, KServe's InferenceService.

Sources: Kubernetes API (apps/v1 Deployment, v1 Service, autoscaling/v2 HorizontalPodAutoscaler), Pod Security
Standards ("restricted"); KServe, "Custom predictor" (the container is named ``kserve-container``); Dockerfile reference.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

PORT = 8080
USER_ID = 10_001
#: Where an image is looked for until somebody writes their own registry in ``kustomization.yaml``.
REGISTRY = "registry.example.com/models"
READY_PATH = "/v2/health/ready"
LIVE_PATH = "/v2/health/live"
_YAML_HEAD = "# Made by an export; {purpose}\n"


@dataclass(frozen=True, slots=True)
class Named:
    """What manifests call a version.

    Attributes
    ----------
    name
        The model's name in addresses and labels: a DNS label.
    tag
        The image's tag: the version's number and the beginning of its artifact's digest.
    """

    name: str
    number: int
    artifact_digest: str

    @property
    def release(self) -> str:
        """The name of the objects: model and version."""
        return f"{self.name}-v{self.number}"

    @property
    def tag(self) -> str:
        """The tag of the image."""
        return f"{self.number}-{self.artifact_digest[:12]}"

    @property
    def image(self) -> str:
        """The image, with its tag."""
        return f"{REGISTRY}/{self.name}:{self.tag}"

    @property
    def labels(self) -> dict[str, str]:
        """Labels by which the pods are found."""
        return {
            "app.kubernetes.io/name": self.name,
            "app.kubernetes.io/instance": self.release,
            "app.kubernetes.io/version": str(self.number),
        }


def manifests_of(named: Named) -> dict[str, bytes]:
    """Return Dockerfile and manifests by their paths in the folder."""
    documents: dict[str, tuple[str, Mapping[str, Any]]] = {
        "kubernetes/deployment.yaml": ("the pods.", _deployment(named)),
        "kubernetes/service.yaml": (
            "one address for all pods, inside of the cluster.",
            _service(named),
        ),
        "kubernetes/hpa.yaml": ("more pods when they are busy.", _autoscaler(named)),
        "kubernetes/kustomization.yaml": (
            "write your registry here, then: kubectl apply -k kubernetes",
            _kustomization(named),
        ),
        "kserve/inference-service.yaml": (
            "write your registry here, then: kubectl apply -f kserve/inference-service.yaml",
            _inference_service(named),
        ),
    }
    files = {
        path: (
            _YAML_HEAD.format(purpose=purpose) + yaml.safe_dump(dict(document), sort_keys=False)
        ).encode()
        for path, (purpose, document) in documents.items()
    }
    return {"Dockerfile": _dockerfile(named), ".dockerignore": _DOCKERIGNORE, **files}


#: Nothing else is left out: the image checks all files against SHA256SUMS.
_DOCKERIGNORE = b"**/__pycache__\n"


def _dockerfile(named: Named) -> bytes:
    """Return a Dockerfile: slim, nothing runs as root, the files are read-only to the server."""
    major, minor, _ = platform.python_version_tuple()
    return f"""\
# {named.release}: docker build -t {named.image} .
FROM python:{major}.{minor}-slim

ENV PYTHONDONTWRITEBYTECODE=1 \\
    PYTHONUNBUFFERED=1 \\
    OMP_NUM_THREADS=1 \\
    HOST=0.0.0.0 \\
    PORT={PORT}

RUN groupadd --system --gid {USER_ID} model \\
    && useradd --system --uid {USER_ID} --gid {USER_ID} --no-create-home --shell /usr/sbin/nologin model

WORKDIR /srv/model
COPY requirements.txt ./
RUN pip install --no-cache-dir --only-binary=:all: -r requirements.txt
COPY . ./
RUN python verify.py

USER {USER_ID}:{USER_ID}
EXPOSE {PORT}
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \\
    CMD ["python", "healthcheck.py"]
CMD ["python", "serve.py"]
""".encode()


def _container(named: Named, name: str) -> dict[str, Any]:
    secret = {"name": f"{named.release}-token", "key": "token", "optional": True}
    return {
        "name": name,
        "image": named.image,
        "ports": [{"containerPort": PORT, "protocol": "TCP"}],
        "env": [
            {"name": "WORKERS", "value": "1"},
            {"name": "THREADS", "value": "1"},
            {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": secret}},
        ],
        "resources": {
            "requests": {"cpu": "250m", "memory": "512Mi"},
            "limits": {"cpu": "1", "memory": "1Gi"},
        },
        "readinessProbe": _probe(READY_PATH, period=5, failures=2),
        "livenessProbe": {**_probe(LIVE_PATH, period=10, failures=3), "initialDelaySeconds": 60},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 (inside of the container)
    }


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": PORT},
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }


def _pod(named: Named, container: str) -> dict[str, Any]:
    """Return what Kubernetes and Knative both take: security is a matter of the container."""
    return {
        "containers": [_container(named, container)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
    }


def _metadata(named: Named) -> dict[str, Any]:
    return {
        "name": named.release,
        "labels": named.labels,
        "annotations": {"mlops-site/artifact-sha256": named.artifact_digest},
    }


def _deployment(named: Named) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(named),
        "spec": {
            "selector": {"matchLabels": _selector(named)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "template": {
                "metadata": {"labels": named.labels},
                "spec": {"automountServiceAccountToken": False, **_pod(named, "model")},
            },
        },
    }


def _selector(named: Named) -> dict[str, str]:
    return {"app.kubernetes.io/instance": named.release}


def _service(named: Named) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": named.release, "labels": named.labels},
        "spec": {
            "type": "ClusterIP",
            "selector": _selector(named),
            "ports": [{"name": "http", "port": 80, "targetPort": PORT, "protocol": "TCP"}],
        },
    }


def _autoscaler(named: Named) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": named.release}
    busy = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": named.release, "labels": named.labels},
        "spec": {
            "scaleTargetRef": target,
            "minReplicas": 2,
            "maxReplicas": 10,
            "metrics": [{"type": "Resource", "resource": busy}],
        },
    }


def _kustomization(named: Named) -> dict[str, Any]:
    image = f"{REGISTRY}/{named.name}"
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["deployment.yaml", "service.yaml", "hpa.yaml"],
        "images": [{"name": image, "newName": image, "newTag": named.tag}],
    }


def _inference_service(named: Named) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": _metadata(named),
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "maxReplicas": 10,
                "timeout": 60,
                **_pod(named, "kserve-container"),
            }
        },
    }
