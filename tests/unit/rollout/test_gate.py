"""The verdict of a gate against an oracle, over scripted timelines, and its edges one by one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from shared.runtime.deployments.gates import Gate
from shared.runtime.health.witness import Sample
from shared.runtime.rollout.gate import Evidence, GatePolicy, Verdict, judge
from tests.unit.rollout.timelines import (
    AWAY,
    HEALTHY,
    MISSING,
    OLD,
    OLD_BY_NOTHING,
    OTHER_REVISION,
    SCRIPTS,
    UNHEALTHY,
    UNKNOWN,
    Timeline,
    at,
    evidence_of,
    oracle,
    sample,
    scripted,
)

SEEDS = range(18)
TIMELINES = [pytest.param(scripted(name, seed), id=f"{name}-{seed}") for name in SCRIPTS for seed in SEEDS]
ONE = {"api": 0.0}


def verdict_of(timeline: Timeline) -> str | None:
    return judge(timeline.policy, timeline.expected, evidence_of(timeline)).verdict


def looks(*told: tuple[float, str]) -> list[tuple[float, dict[str, str]]]:
    return [(second, {"api": word}) for second, word in told]


def every(seconds: Iterable[float], word: str) -> list[tuple[float, dict[str, str]]]:
    return [(second, {"api": word}) for second in seconds]


def test_there_are_enough_timelines_and_they_end_in_every_way() -> None:
    ends = {oracle(scripted(name, seed)) for name in SCRIPTS for seed in SEEDS}
    assert len(TIMELINES) >= 200
    assert ends == {"Passed", "Failed", "Inconclusive", "Error", None}


@pytest.mark.parametrize("timeline", TIMELINES)
def test_a_timeline_ends_as_the_oracle_says(timeline: Timeline) -> None:
    assert verdict_of(timeline) == oracle(timeline)


@pytest.mark.parametrize("timeline", TIMELINES)
def test_the_first_deciding_round_decides_whatever_is_seen_after_it(timeline: Timeline) -> None:
    grown = [evidence_of(replace(timeline, looks=[]))]
    for second, words in timeline.looks:
        seen = [sample(timeline, service, second, word) for service, word in words.items()]
        grown.append(grown[-1].with_round(at(second), seen, timeline.expected))
    verdicts = [judge(timeline.policy, timeline.expected, evidence).verdict for evidence in grown]
    decided = [verdict for verdict in verdicts if verdict is not None]
    assert len(set(decided)) <= 1
    assert verdicts == [None] * (len(verdicts) - len(decided)) + decided


@pytest.mark.parametrize("timeline", TIMELINES)
def test_a_stored_gate_replays_from_its_evidence_to_the_same_verdict(timeline: Timeline) -> None:
    evidence = evidence_of(timeline)
    judged = judge(timeline.policy, timeline.expected, evidence)
    gate = Gate(wave=0, policy=timeline.policy, verdict=judged.verdict, evidence=evidence)
    stored = Gate.read(json.loads(json.dumps(gate.document())))
    assert stored == gate
    assert judge(stored.policy, timeline.expected, stored.evidence) == judged


@pytest.mark.parametrize("timeline", TIMELINES)
def test_run_length_evidence_expands_to_exactly_what_was_seen(timeline: Timeline) -> None:
    evidence = evidence_of(timeline)
    assert evidence.rounds == [at(second) for second, _ in timeline.looks]
    for service in timeline.applied:
        seen = [sample(timeline, service, second, words[service]) for second, words in timeline.looks]
        assert [_told(one) for one in expanded(evidence, service)] == [_told(one) for one in seen]


@pytest.mark.parametrize("timeline", TIMELINES)
def test_no_timeline_passes_on_another_revisions_samples(timeline: Timeline) -> None:
    others = [
        (second, {service: OTHER_REVISION if word == HEALTHY else word for service, word in words.items()})
        for second, words in timeline.looks
    ]
    assert verdict_of(replace(timeline, looks=others)) != Verdict.PASSED


@pytest.mark.parametrize("timeline", TIMELINES)
@pytest.mark.parametrize("old", [OLD, OLD_BY_NOTHING])
def test_no_timeline_passes_on_samples_that_are_not_younger_than_the_apply(timeline: Timeline, old: str) -> None:
    older = [
        (second, {service: old if word == HEALTHY else word for service, word in words.items()})
        for second, words in timeline.looks
    ]
    assert verdict_of(replace(timeline, looks=older)) != Verdict.PASSED


def expanded(evidence: Evidence, service: str) -> list[Sample]:
    return [run for run in evidence.samples if run.service_id == service for _ in range(run.count)]


def _told(one: Sample) -> tuple[object, ...]:
    return (one.revision, one.image, one.status, one.detail, [(check.name, check.status) for check in one.checks])


# Edges.

POLICY = GatePolicy(stable_seconds=10, retry_timeout_seconds=60)


def test_a_streak_of_exactly_the_stable_time_passes_and_a_little_less_does_not() -> None:
    assert verdict_of(Timeline(POLICY, ONE, looks((1, HEALTHY), (10.999, HEALTHY)))) is None
    assert verdict_of(Timeline(POLICY, ONE, looks((1, HEALTHY), (11, HEALTHY)))) == "Passed"


def test_a_stable_time_of_nothing_passes_at_the_first_healthy_look() -> None:
    policy = GatePolicy(stable_seconds=0)
    assert verdict_of(Timeline(policy, ONE, looks((1, UNKNOWN), (2, HEALTHY)))) == "Passed"


def test_what_is_seen_while_waiting_counts_neither_for_nor_against() -> None:
    policy = GatePolicy(wait_seconds=20, stable_seconds=10, failure_limit=0)
    seen = [*every(range(1, 10), UNHEALTHY), *every(range(10, 20), HEALTHY)]
    assert verdict_of(Timeline(policy, ONE, [*seen, *looks((20, HEALTHY), (29, HEALTHY))])) is None
    assert verdict_of(Timeline(policy, ONE, [*seen, *looks((20, HEALTHY), (30, HEALTHY))])) == "Passed"


def test_the_wait_begins_with_the_last_apply_of_the_wave() -> None:
    applied = {"api": 0.0, "db": 15.0}
    both = [(float(second), {"api": HEALTHY, "db": HEALTHY}) for second in range(1, 26)]
    more = [(26.0, {"api": HEALTHY, "db": HEALTHY})]  # ten seconds after the first look that is younger than the apply
    assert verdict_of(Timeline(POLICY, applied, both)) is None
    assert verdict_of(Timeline(POLICY, applied, [*both, *more])) == "Passed"


@pytest.mark.parametrize(("word", "verdict"), [(UNHEALTHY, "Failed"), (MISSING, "Inconclusive"), (AWAY, "Error")])
def test_at_the_timeout_what_is_not_healthy_decides_by_its_kind(word: str, verdict: str) -> None:
    assert verdict_of(Timeline(POLICY, ONE, every(range(1, 60, 5), word) + looks((59.999, word)))) is None
    assert verdict_of(Timeline(POLICY, ONE, every(range(1, 60, 5), word) + looks((60, word)))) == verdict


def test_a_streak_that_runs_at_the_timeout_may_end_after_it() -> None:
    seen = [*every(range(1, 55, 5), UNHEALTHY), *every((55, 60, 64.999), HEALTHY)]
    assert verdict_of(Timeline(POLICY, ONE, seen)) is None
    assert verdict_of(Timeline(POLICY, ONE, [*seen, *looks((65, HEALTHY))])) == "Passed"
    assert verdict_of(Timeline(POLICY, ONE, [*seen, *looks((65, UNHEALTHY))])) == "Failed"


@pytest.mark.parametrize(
    ("limits", "word", "verdict"),
    [
        ({"failure_limit": 2}, UNHEALTHY, "Failed"),
        ({"inconclusive_limit": 2}, MISSING, "Inconclusive"),
        ({"error_limit": 2}, AWAY, "Error"),
    ],
)
def test_a_limit_is_how_many_rounds_of_its_kind_are_borne(limits: dict[str, int], word: str, verdict: str) -> None:
    policy = GatePolicy(stable_seconds=10, **limits)
    twice = looks((1, word), (2, HEALTHY), (3, word))
    assert verdict_of(Timeline(policy, ONE, twice)) is None
    assert verdict_of(Timeline(policy, ONE, [*twice, *looks((4, word))])) == verdict


@pytest.mark.parametrize("other", [UNHEALTHY, MISSING, AWAY])
def test_a_limit_counts_its_own_kind_only(other: str) -> None:
    limits = {UNHEALTHY: "failure_limit", MISSING: "inconclusive_limit", AWAY: "error_limit"}
    policy = GatePolicy(stable_seconds=10, **{name: 0 for word, name in limits.items() if word != other})
    assert verdict_of(Timeline(policy, ONE, every(range(1, 50), other))) is None


def test_of_a_round_definite_failure_outranks_what_could_not_be_asked_or_told() -> None:
    applied = {"api": 0.0, "db": 0.0, "web": 0.0}
    policy = GatePolicy(retry_timeout_seconds=1)
    rounds = [(2.0, {"api": AWAY, "db": UNHEALTHY, "web": MISSING})]
    assert verdict_of(Timeline(policy, applied, rounds)) == "Failed"
    assert verdict_of(Timeline(policy, applied, [(2.0, {"api": AWAY, "db": HEALTHY, "web": MISSING})])) == "Error"


def test_one_service_that_is_not_healthy_holds_the_whole_wave() -> None:
    rounds = [(float(second), {"api": HEALTHY, "db": UNKNOWN}) for second in range(1, 50)]
    assert verdict_of(Timeline(POLICY, {"api": 0.0, "db": 0.0}, rounds)) is None


def test_a_service_without_any_sample_never_passes() -> None:
    rounds = [(float(second), {"api": HEALTHY}) for second in range(1, 70)]
    assert verdict_of(Timeline(POLICY, {"api": 0.0, "db": 0.0}, rounds)) == "Inconclusive"


def test_a_wave_that_only_takes_services_away_has_nothing_to_judge() -> None:
    assert judge(POLICY, [], Evidence()).verdict is Verdict.PASSED


def test_the_platforms_own_silence_is_neither_a_streak_nor_a_strike() -> None:
    policy = GatePolicy(stable_seconds=60, inconclusive_limit=0)
    away = looks((1, HEALTHY), (5, HEALTHY), (70, HEALTHY))
    assert verdict_of(Timeline(policy, ONE, away)) is None
    assert verdict_of(Timeline(policy, ONE, [*away, *every((90, 110, 129), HEALTHY)])) is None
    assert verdict_of(Timeline(policy, ONE, [*away, *every((90, 110, 130), HEALTHY)])) == "Passed"


def test_a_clock_that_is_behind_costs_the_looks_before_the_apply_and_no_others() -> None:
    behind = Timeline(POLICY, ONE, every(range(1, 16), HEALTHY), skew=-4.0)
    assert verdict_of(behind) == "Passed"
    assert verdict_of(replace(behind, looks=behind.looks[:14])) is None


def test_healthy_since_is_where_the_running_streak_began() -> None:
    timeline = Timeline(POLICY, ONE, looks((1, HEALTHY), (2, UNHEALTHY), (3, HEALTHY), (8, HEALTHY)))
    judged = judge(POLICY, timeline.expected, evidence_of(timeline))
    assert judged.healthy_since == at(3)


def test_long_quiet_gates_stay_small() -> None:
    timeline = Timeline(GatePolicy(stable_seconds=3600), ONE, every(range(1, 3600), HEALTHY))
    assert len(evidence_of(timeline).samples) == 1
