"""Predictions, batch scorings, exports: limits and habits."""

from __future__ import annotations

import os

from mlops_site.settings.environment import env
from mlops_site.settings.processes import WEB_THREADS

PREDICT_MAX_BODY_BYTES = env.int("PREDICT_MAX_BODY_BYTES", default=16 * 1024**2)
#: How often a web process looks for other champions, endpoints and tokens (seconds; promised: within one).
ROUTING_TICK_SECONDS = env.float("ROUTING_TICK_SECONDS", default=0.4)
PREDICT_MAX_ROWS = env.int("PREDICT_MAX_ROWS", default=10_000)
#: Requests per second that one web process answers to one token, and to all callers without one at one open
#: endpoint; more are answered 429 with Retry-After. 0: no limit. A quiet caller saves up for so many seconds.
PREDICT_RATE_PER_TOKEN = env.float("PREDICT_RATE_PER_TOKEN", default=0.0)
PREDICT_RATE_PER_OPEN_ENDPOINT = env.float("PREDICT_RATE_PER_OPEN_ENDPOINT", default=200.0)
PREDICT_BURST_SECONDS = env.float("PREDICT_BURST_SECONDS", default=2.0)
#: An answer that took longer (waiting for its turn included) is not given: 503 with Retry-After. 0: no limit.
PREDICT_TIME_LIMIT_SECONDS = env.float("PREDICT_TIME_LIMIT_SECONDS", default=30.0)
#: Instances of one request that are explained, and how often a model answers to explain them (the smaller counts).
EXPLAIN_MAX_ROWS = env.int("EXPLAIN_MAX_ROWS", default=20)
EXPLAIN_MAX_EVALUATIONS = env.int("EXPLAIN_MAX_EVALUATIONS", default=100_000)
#: Of a stream of lines: the longest line, and how many lines are answered together at most.
PREDICT_MAX_LINE_BYTES = env.int("PREDICT_MAX_LINE_BYTES", default=1024**2)
PREDICT_STREAM_BATCH = env.int("PREDICT_STREAM_BATCH", default=1000)
#: Streams that may be open in one web process: each has a thread until it ends. More are answered 503 with Retry-After.
PREDICT_STREAMS_AT_ONCE = env.int("PREDICT_STREAMS_AT_ONCE", default=max(1, WEB_THREADS // 2))
#: Predictions that one web process makes at the same time; more are answered 503 with Retry-After.
PREDICT_MAX_AT_ONCE = env.int("PREDICT_MAX_AT_ONCE", default=64)
#: Threads that an ONNX model takes for a request of 256 rows and more; with more than one there are two copies of it
#: in memory (of one up to 32 MB; a larger one takes one thread).
PREDICT_MODEL_THREADS = env.int("PREDICT_MODEL_THREADS", default=min(2, os.cpu_count() or 1))
#: Stretches of rows that one batch scoring computes at the same time (not for runtimes that hold Python's lock).
SCORING_THREADS = env.int("SCORING_THREADS", default=2)
#: The interpreter in which exported servers are tried: one with their framework, where the site has none. Default: its own.
EXPORT_PYTHON = env.str("EXPORT_PYTHON", default="")
#: An exported server that does not answer after so many seconds has not started.
EXPORT_START_SECONDS = env.float("EXPORT_START_SECONDS", default=120.0)
#: Requests, and instances of them, that wait for shadows in one web process; more are dropped and counted.
SHADOW_QUEUE_REQUESTS = env.int("SHADOW_QUEUE_REQUESTS", default=256)
SHADOW_QUEUE_ROWS = env.int("SHADOW_QUEUE_ROWS", default=20_000)
#: How often a web process adds what it has counted to the minutes in the database (seconds).
TRAFFIC_FLUSH_SECONDS = env.float("TRAFFIC_FLUSH_SECONDS", default=2.0)
#: Tells what really happened for a prediction (project_id, prediction_id); the room above serving knows.
GROUND_TRUTH_OF = "monitoring.selectors.ground_truth_of"
#: "project/endpoint": what answers at /invocations and /ping, as in a container of one model.
ROOT_ENDPOINT = env.str("ROOT_ENDPOINT", default="")
