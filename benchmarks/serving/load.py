"""Asking: once, to look at the answer; and with ``wrk``, as often as the server answers."""

from __future__ import annotations

import http.client
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.processes import HOST, environment

#: Told to wrk, so that requests that wait for a slow server are not taken for failed ones.
_PATIENCE_SECONDS = 120
_SCRIPT = """\
local file = assert(io.open(os.getenv("BENCHMARK_BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*all")
file:close()
for line in string.gmatch(os.getenv("BENCHMARK_HEADERS"), "[^\\n]+") do
  local name, value = string.match(line, "^([^:]+): (.*)$")
  wrk.headers[name] = value
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests":%d,"microseconds":%d,"p50":%.1f,"p99":%.1f,"refused":%d,"broken":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, again and again."""

    port: int
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Measured:
    """How one server did for a few seconds.

    Attributes
    ----------
    per_second
        Requests that were answered, all of them with success.
    p50_ms, p99_ms
        Latency of the middle request, and of the slowest but one in a hundred.
    """

    per_second: float
    p50_ms: float
    p99_ms: float


class Failed(Exception):
    """A server refused requests or broke connections."""


def ask(question: Question) -> Any:
    """Return the answer to one request.

    Raises
    ------
    Failed
        It is a refusal.
    """
    link = http.client.HTTPConnection(HOST, question.port, timeout=_PATIENCE_SECONDS)
    try:
        link.request("POST", question.path, question.body, question.headers)
        with link.getresponse() as response:
            said = response.read()
            if response.status != 200:
                raise Failed(f"{response.status}: {said[:500].decode(errors='replace')}")
            return json.loads(said)
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"no answer: {error!r}") from error
    finally:
        link.close()


def load(question: Question, *, connections: int, seconds: int, folder: Path) -> Measured:
    """Ask for some seconds over so many connections.

    Raises
    ------
    Failed
        Any request was not answered with success, or none was answered at all.
    """
    script, body = folder / "wrk.lua", folder / "body.json"
    script.write_text(_SCRIPT)
    body.write_bytes(question.body)
    headers = "\n".join(f"{name}: {value}" for name, value in question.headers.items())
    done = subprocess.run(
        (
            *("wrk", "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{seconds}s", "--timeout", f"{_PATIENCE_SECONDS}s"),
            *("--script", str(script), f"http://{HOST}:{question.port}{question.path}"),
        ),
        env=environment({"BENCHMARK_BODY": str(body), "BENCHMARK_HEADERS": headers}),
        capture_output=True,
        text=True,
        timeout=seconds + _PATIENCE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise Failed(f"wrk ended with code {done.returncode}: {done.stderr[-500:]}")
    told = json.loads(done.stdout.strip().splitlines()[-1])
    if told["refused"] or told["broken"] or not told["requests"]:
        raise Failed(
            f"{told['refused']} requests of {told['requests']} were refused, {told['broken']} broke"
        )
    return Measured(
        told["requests"] / (told["microseconds"] / 1e6), told["p50"] / 1e3, told["p99"] / 1e3
    )
