"""The guards of a rollout: what trips them, and how seldom an accident does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import fisher_exact

from serving.guards import Limits, Seen, judge, level_of_look, quantile
from serving.guards.measures import more_failures_p_value, slower_p_value
from serving.routing.statistics import BUCKET_SECONDS, answer_bin

LIMITS = Limits(
    most_extra_errors=0.02,
    most_latency_ratio=1.5,
    latency_floor_seconds=0.005,
    most_answer_distance=0.15,
    least_requests=100,
)
LEVEL = level_of_look(0.01, 1)


def seen(
    requests: int = 1000,
    failed: int = 0,
    bucket: int = 2,
    slow: int = 0,
    answers: dict[str, int] | None = None,
) -> Seen:
    latencies = [0] * (len(BUCKET_SECONDS) + 1)
    latencies[bucket] = requests - failed - slow
    latencies[9] += slow
    return Seen(requests, failed, latencies, answers or {"no": requests // 2, "yes": requests // 2})


def verdicts(canary: Seen, champion: Seen) -> dict[str, str]:
    judged = judge(canary, champion, LIMITS, level=LEVEL, bounds=BUCKET_SECONDS)
    return {"all": judged.verdict, **{one.name: one.verdict for one in judged.guards}}


def test_equal_versions_are_healthy() -> None:
    assert set(verdicts(seen(), seen(20_000)).values()) == {"healthy"}


def test_one_failure_in_ten_trips() -> None:
    found = verdicts(seen(200, failed=20), seen(2000))
    assert (found["all"], found["errors"]) == ("breached", "breached")


def test_failures_that_both_have_are_not_held_against_the_canary() -> None:
    assert verdicts(seen(500, failed=50), seen(5000, failed=500))["errors"] == "healthy"


def test_a_constant_answer_trips() -> None:
    assert verdicts(seen(200, answers={"no": 200}), seen(2000))["answers"] == "breached"


def test_a_sure_but_small_difference_does_not_trip() -> None:
    large = seen(10**6, answers={"no": 510_000, "yes": 490_000})
    assert verdicts(large, seen(10**6))["answers"] == "healthy"


def test_slow_answers_trip_only_above_ratio_and_floor() -> None:
    assert verdicts(seen(slow=200), seen(20_000))["latency"] == "breached"
    assert verdicts(seen(bucket=4), seen(20_000, bucket=2))["latency"] == "healthy"


def test_too_little_data_is_an_answer_of_its_own() -> None:
    assert set(verdicts(seen(99), seen()).values()) == {"too_little_data"}
    assert set(verdicts(seen(), seen(99)).values()) == {"too_little_data"}
    assert set(verdicts(Seen(), Seen()).values()) == {"too_little_data"}


def test_a_version_that_answers_nothing_trips_although_it_has_no_latency() -> None:
    found = verdicts(Seen(200, 200, [0] * (len(BUCKET_SECONDS) + 1), {}), seen())
    assert (found["all"], found["latency"]) == ("breached", "too_little_data")


def test_the_p_value_of_failures_is_fishers() -> None:
    canary, champion = Seen(120, 9), Seen(2000, 60)
    expected = fisher_exact(np.array([[9, 111], [60, 1940]]), alternative="greater").pvalue
    assert more_failures_p_value(canary, champion) == pytest.approx(expected)


def test_many_looks_at_equal_versions_seldom_trip() -> None:
    random = np.random.default_rng(3)
    limits = Limits(0.0, 1.0, 0.0, 0.0, 50)
    tripped = 0
    for _ in range(200):
        failed = random.random((2, 4000)) < 0.05
        answers = random.random((2, 4000)) < 0.3
        requests, look = 100, 0
        while requests <= 4000:
            look += 1
            ours, theirs = (
                Seen(
                    requests,
                    int(failed[side, :requests].sum()),
                    [requests],
                    {"a": int(answers[side, :requests].sum()), "b": requests},
                )
                for side in (0, 1)
            )
            judged = judge(ours, theirs, limits, level=level_of_look(0.05, look), bounds=(1.0,))
            if judged.verdict == "breached":
                tripped += 1
                break
            requests = int(requests * 1.25) + 1
    assert tripped <= 20  # 5 % of 200, and what chance adds


def _latencies(seconds: npt.NDArray[np.float64]) -> list[int]:
    counted: list[int] = np.histogram(seconds, [0.0, *BUCKET_SECONDS, np.inf])[0].tolist()
    return counted


def _is_taken_back(
    random: np.random.Generator, limits: Limits, *, share: float, requests: int
) -> bool:
    """Let two equal versions answer, look as a rollout looks, and return whether a guard trips."""
    others = int(requests * (1 - share) / share)
    # One answer in twelve is three hundred times as slow: p95 says so of some samples and not of others.
    slow = [random.random(number) < 1 / 12 for number in (requests, others)]
    seconds = [np.where(one, 0.3, 0.001) * random.uniform(0.9, 1.1, len(one)) for one in slow]
    failed = [random.random(number) < 0.05 for number in (requests, others)]
    classes = [random.random(number) < 0.3 for number in (requests, others)]
    look, seen_requests = 0, limits.least_requests
    while seen_requests <= requests:
        numbers = (seen_requests, int(seen_requests * (1 - share) / share))
        ours, theirs = (
            Seen(
                number,
                int(failed[side][:number].sum()),
                _latencies(seconds[side][:number][~failed[side][:number]]),
                {"a": int(classes[side][:number].sum()), "b": int((~classes[side][:number]).sum())},
            )
            for side, number in enumerate(numbers)
        )
        look += 1
        judged = judge(ours, theirs, limits, level=level_of_look(0.01, look), bounds=BUCKET_SECONDS)
        if judged.verdict == "breached":
            return True
        seen_requests = int(seen_requests * 1.25) + 1
    return False


@pytest.mark.parametrize("share", [0.05, 0.5, 0.8])
@pytest.mark.parametrize(
    "limits", [LIMITS, Limits(0.0, 1.0, 0.0, 0.0, 100)], ids=["usual", "no-effect-asked-for"]
)
def test_an_equal_version_is_taken_back_as_seldom_as_the_level_says(
    limits: Limits, share: float
) -> None:
    random = np.random.default_rng(1)
    taken_back = sum(_is_taken_back(random, limits, share=share, requests=1500) for _ in range(100))
    assert taken_back <= 4  # 1 % of 100; a true rate of 1 % gives five and more once in 300


def test_the_p_value_of_slowness_counts_answers_above_the_limits_bucket() -> None:
    ours, theirs = seen(400, slow=60).latencies, seen(2000, slow=100).latencies
    expected = fisher_exact(np.array([[60, 340], [100, 1900]]), alternative="greater").pvalue
    found = slower_p_value(ours, theirs, BUCKET_SECONDS, 0.02)
    assert found == pytest.approx(len(BUCKET_SECONDS) * expected)
    assert slower_p_value(theirs, ours, BUCKET_SECONDS, 0.02) == 1.0


def test_quantiles_lie_where_the_counts_do() -> None:
    latencies = [0] * 16
    latencies[3], latencies[15] = 99, 1
    assert quantile(latencies, BUCKET_SECONDS, 0.5) == pytest.approx(0.00176, abs=1e-4)
    assert quantile(latencies, BUCKET_SECONDS, 0.999) == BUCKET_SECONDS[-1]


def test_numbers_fall_into_bins_that_need_no_range() -> None:
    assert answer_bin(float("nan")) == "nan"
    assert answer_bin(-3.0) == f"-{answer_bin(3.0)}"
    assert len({answer_bin(value) for value in np.linspace(1.0, 2.0, 500)}) == 17
