"""Looking at manifests where no engine is there to take them: fields, types, and whether they fit one another.

What is checked: a YAML file parses; each field is one that the kind knows, with a value of its type; names
and labels are such as Kubernetes takes; selectors find their pods; ports, probes and scaling targets lead somewhere;
nothing runs as root. Of a Dockerfile: its instructions are known, what is copied is there, it ends as an
unprivileged user with a health check and a command in exec form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from serving.exporting.fields import KINDS, problems_of
from serving.exporting.manifests import LIVE_PATH, PORT, READY_PATH

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_IMAGE = re.compile(
    r"[a-z0-9.-]+(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
)
_INSTRUCTIONS = frozenset(
    [
        "FROM",
        "ENV",
        "RUN",
        "WORKDIR",
        "COPY",
        "USER",
        "EXPOSE",
        "HEALTHCHECK",
        "CMD",
        "ENTRYPOINT",
        "LABEL",
        "ARG",
        "VOLUME",
    ]
)
_QUANTITY = re.compile(r"(\d+)(m|Ki|Mi|Gi)?")
_FACTORS = {None: 1.0, "m": 1e-3, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What was found wrong with one file; nothing when ``problems`` is empty."""

    path: str
    what: str
    problems: tuple[str, ...]


def check_manifests(files: Mapping[str, bytes]) -> list[CheckedFile]:
    """Return what is to be said of the Dockerfile and of each manifest among some files."""
    checked = [CheckedFile("Dockerfile", "instructions", tuple(_dockerfile_problems(files)))]
    documents: dict[str, Mapping[str, Any]] = {}
    for path, content in files.items():
        if not path.endswith(".yaml"):
            continue
        try:
            document = yaml.safe_load(content)
        except yaml.YAMLError as error:
            checked.append(CheckedFile(path, "YAML", (f"is not YAML: {error}",)))
            continue
        kind = document.get("kind", "") if isinstance(document, dict) else ""
        fields = KINDS.get((document.get("apiVersion", ""), kind)) if kind else None
        if fields is None:
            checked.append(CheckedFile(path, "YAML", ("is of no known kind",)))
            continue
        found = [*problems_of(document, fields)]
        if not found:
            documents[kind] = document
            found = [*_alone(document)]
        checked.append(CheckedFile(path, f"{kind}, {document['apiVersion']}", tuple(found)))
    together = tuple(_together(documents))
    return [*checked, CheckedFile("kubernetes/*", "how they fit one another", together)]


def _alone(document: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with a document whose fields have the right types."""
    metadata = document.get("metadata", {})
    name = metadata.get("name", "")
    if document["kind"] != "Kustomization" and not _NAME.fullmatch(name):
        yield f"metadata.name: '{name}' is no DNS label"
    for key, value in metadata.get("labels", {}).items():
        if not _LABEL.fullmatch(value):
            yield f"metadata.labels: '{value}' of '{key}' is no label"
    for container in _containers(document):
        yield from _container_problems(container)
    if document["kind"] == "InferenceService":
        names = [container["name"] for container in _containers(document)]
        if names != ["kserve-container"]:
            yield "spec.predictor.containers: the container must be named kserve-container"


def _containers(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    spec = document.get("spec", {})
    pod = spec.get("predictor") or spec.get("template", {}).get("spec", {})
    found: list[Mapping[str, Any]] = pod.get("containers", [])
    return found


def _container_problems(container: Mapping[str, Any]) -> Iterator[str]:
    ports = [port["containerPort"] for port in container["ports"]]
    if ports != [PORT]:
        yield f"ports: {ports} is not where the server listens ({PORT})"
    if not _IMAGE.fullmatch(container["image"]):
        yield f"image: '{container['image']}' is no image with a tag"
    for probe, path in (("readinessProbe", READY_PATH), ("livenessProbe", LIVE_PATH)):
        asked = container[probe]["httpGet"]
        if (asked["path"], asked["port"]) != (path, PORT):
            yield f"{probe}: nothing answers at {asked['path']}"
    security = container["securityContext"]
    if not security.get("runAsNonRoot") or security.get("runAsUser", 0) < 1:
        yield "securityContext: runs as root"
    if security.get("allowPrivilegeEscalation", True):
        yield "securityContext: may gain privileges"
    for what, wanted in container["resources"]["requests"].items():
        if _quantity(wanted) > _quantity(container["resources"]["limits"][what]):
            yield f"resources: more {what} is requested than allowed"


def _quantity(text: str) -> float:
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return float("nan")
    return int(found[1]) * _FACTORS[found[2]]


def _together(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    missing = sorted({kind for _, kind in KINDS} - set(documents))
    if missing:
        yield f"not looked at, because of {', '.join(missing)}"
        return
    deployment, service = documents["Deployment"]["spec"], documents["Service"]["spec"]
    labels = deployment["template"]["metadata"]["labels"].items()
    for selector in (deployment["selector"]["matchLabels"], service["selector"]):
        if not selector.items() <= labels:
            yield f"the selector {selector} finds no pod"
    if [port["targetPort"] for port in service["ports"]] != [PORT]:
        yield "the service leads to a port on which nothing listens"
    scaling = documents["HorizontalPodAutoscaler"]["spec"]
    if scaling["scaleTargetRef"]["name"] != documents["Deployment"]["metadata"]["name"]:
        yield "the autoscaler scales something else"
    if not 0 < scaling["minReplicas"] <= scaling["maxReplicas"]:
        yield "the autoscaler's limits are the wrong way round"
    (container,) = _containers(documents["Deployment"])
    (image,) = documents["Kustomization"]["images"]
    if f"{image['newName']}:{image['newTag']}" != container["image"]:
        yield "the kustomization names another image"


def _dockerfile_problems(files: Mapping[str, bytes]) -> Iterator[str]:
    text = files.get("Dockerfile", b"").decode()
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", text))
    lines = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    for words in lines:
        if words[0] not in _INSTRUCTIONS or len(words) < 2:
            yield f"'{words[0]}' is no instruction with a value"
            return
    words_of: dict[str, list[str]] = {}
    for name, value in lines:
        words_of.setdefault(name, []).append(value.strip())
    yield from _base_and_user(words_of, [name for name, _ in lines])
    if words_of.get("EXPOSE") != [str(PORT)]:
        yield f"it must expose {PORT}"
    for value in words_of.get("COPY", []):
        for source in value.split()[:-1]:
            if source != "." and source not in files:
                yield f"COPY: there is no '{source}'"
    yield from _commands(words_of, files)


def _base_and_user(words_of: Mapping[str, list[str]], order: list[str]) -> Iterator[str]:
    base = words_of.get("FROM", [""])[0]
    if order[:1] != ["FROM"] or ":" not in base or base.endswith(":latest"):
        yield "it must begin FROM an image with a version"
    user = words_of.get("USER", ["0"])[-1]
    if user.split(":")[0] in ("0", "root"):
        yield "it ends as root"
    elif "RUN" in order[order.index("USER") :]:
        yield "something is run after USER"


def _commands(words_of: Mapping[str, list[str]], files: Mapping[str, bytes]) -> Iterator[str]:
    health = words_of.get("HEALTHCHECK", [""])[0].partition("CMD")[2].strip()
    for name, command in (("HEALTHCHECK", health), ("CMD", words_of.get("CMD", [""])[-1])):
        try:
            words = json.loads(command)
        except ValueError:
            yield f"{name} must be a command in exec form"
            continue
        if words[0] != "python" or words[1] not in files:
            yield f"{name} runs what is not there"
