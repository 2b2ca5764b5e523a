"""The parts of the Pulumi engine that need no engine: stacks' names, locks, what went wrong, when it refuses to start."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.automation import CommandResult
from pulumi.automation.errors import CommandError, ConcurrentUpdateError

from infra.components.ground import Named
from infra.provisioner.engine import EngineSettings, load
from infra.provisioner.pulumi_engine.adoption import Adoption
from infra.provisioner.pulumi_engine.failures import judged
from infra.provisioner.pulumi_engine.locks import Claim, Locks, announce, announced, claim_of, holders
from infra.provisioner.pulumi_engine.stacks import stack_name
from shared.kernel.errors import Refused, Transient
from tests.infra.cloud import record

ENVIRONMENT = "env-0123456789abcdef"
tenants = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), min_size=1, max_size=128)
NOW = datetime(2026, 11, 24, 20, 0, 0, tzinfo=UTC)
HELD = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock "
    "file with `pulumi cancel`.\n  file:///x/.pyl: created by app user@{host} (pid 42) at 2026-11-24T20:00:03Z"
)


@given(tenants, tenants)
def test_two_tenants_never_share_a_stack_even_where_a_backend_knows_no_case(one: str, other: str) -> None:
    first, second = stack_name(one, ENVIRONMENT), stack_name(other, ENVIRONMENT)
    assert (first.lower() == second.lower()) == (one == other)
    assert len(first) <= 100
    assert set(first) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_a_plain_tenants_stack_is_readable() -> None:
    assert stack_name("connectsoft", ENVIRONMENT) == f"connectsoft.{ENVIRONMENT}"
    assert stack_name("Contoso", ENVIRONMENT) == f"_43_ontoso.{ENVIRONMENT}"


def test_who_holds_a_stack_is_read_from_what_the_command_line_says() -> None:
    (holder,) = holders(HELD.format(host="job-1"))
    assert (holder.host, holder.pid, holder.at) == ("job-1", 42, NOW + timedelta(seconds=3))
    assert holders("[409] Conflict: Another update is currently in progress.") == []


@pytest.mark.parametrize(
    ("host", "at", "ours"),
    [
        ("job-1", NOW, True),
        ("job-1", NOW + timedelta(minutes=5), False),  # the lock is older than the announcement
        ("job-2", NOW, False),
    ],
)
def test_a_lock_is_ours_when_host_and_time_fit_an_announcement(host: str, at: datetime, ours: bool) -> None:
    (holder,) = holders(HELD.format(host="job-1"))
    assert Claim("op-1", 1, host, at).took(holder) is ours


def test_announcements_survive_their_tags_and_foreign_tags_are_none() -> None:
    claim = claim_of(record(attempt=3), NOW)
    tags = {"cs-claim-3": claim.text, "cs-claim-4": "nonsense", "pulumi:project": "runtime-environments"}
    assert announced(tags) == [claim]
    assert len(claim.text) <= 256


def test_a_job_that_is_started_again_does_not_forget_whom_it_follows() -> None:
    """It runs the same attempt; the lock that it meets is its predecessor's."""
    stack, starts = Stack({}), [NOW + timedelta(minutes=number) for number in range(10)]
    for at in starts:
        announce(stack, claim_of(record(attempt=1), at))  # type: ignore[arg-type]
    remembered = sorted(claim.at for claim in announced(stack.tags))
    assert remembered == starts[-8:]


class Stack:
    """As far as locks look at it."""

    def __init__(self, tags: dict[str, str]) -> None:
        self.tags = tags
        self.cancelled = 0

    def list_tags(self) -> dict[str, str]:
        return self.tags

    def set_tag(self, name: str, text: str) -> None:
        self.tags[name] = text

    def cancel(self) -> None:
        self.cancelled += 1


def locked(host: str) -> ConcurrentUpdateError:
    return ConcurrentUpdateError(CommandResult(stdout="", stderr=HELD.format(host=host), code=1))


async def silence(_step: str, _status: str, _detail: str) -> None: ...


async def past(stack: Stack, host: str, grace: float, progress: Any = silence) -> str:
    own = Claim("op-1", 2, "this-host", NOW)

    async def work() -> str:
        if not stack.cancelled:
            raise locked(host)
        return "done"

    return await Locks(stack, own, grace).past(work, progress)  # type: ignore[arg-type]


async def test_a_lost_attempts_lock_is_taken_away_once_its_grace_is_over() -> None:
    stack = Stack({"cs-claim-1": Claim("op-1", 1, "job-1", NOW).text})
    assert await past(stack, "job-1", grace=0) == "done"
    assert stack.cancelled == 1


async def test_a_persons_lock_is_never_taken_away() -> None:
    stack = Stack({"cs-claim-1": Claim("op-1", 1, "job-1", NOW).text})
    with pytest.raises(Transient):
        await past(stack, "a-laptop", grace=0)
    assert stack.cancelled == 0


async def test_an_attempt_that_was_itself_replaced_takes_no_lock_away() -> None:
    stack = Stack({"cs-claim-1": Claim("op-1", 1, "job-1", NOW).text})

    async def replaced(_step: str, _status: str, _detail: str) -> None:
        raise ConnectionError("replaced")

    with pytest.raises(ConnectionError):
        await past(stack, "job-1", 0, replaced)
    assert stack.cancelled == 0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('Status=409 Code="QuotaExceeded" Message="no more cores"', ("Refused", "QuotaExceeded")),
        ('Status=503 Code="ServiceUnavailable" Message="later"', ("Transient", "arm")),
        ('Status=429 Code="TooManyRequests"', ("Transient", "arm")),
        ("dial tcp 127.0.0.1:1: connect: connection refused", ("Transient", "pulumi")),
        ("PolicyViolation: tls: TLS 1.2 at least", ("Refused", "PolicyViolation")),
        ("something else", ("Refused", "EngineFailed")),
    ],
)
def test_what_went_wrong_is_told_in_the_platforms_terms(said: str, expected: tuple[str, str]) -> None:
    error = judged(CommandError(CommandResult(stdout="", stderr="", code=255)), [said])
    assert type(error).__name__ == expected[0]
    assert expected[1] in (getattr(error, "code", None), getattr(error, "dependency", None))


def test_a_message_is_bounded() -> None:
    error = judged(CommandError(CommandResult(stdout="", stderr="", code=255)), ["x " * 10_000])
    assert isinstance(error, Refused)
    assert len(error.message) <= 500


class Arm:
    def __init__(self, *answers: dict[str, Any] | None) -> None:
        self.answers = list(answers)
        self.deleted: list[str] = []

    async def get(self, _id: str, _version: str) -> dict[str, Any] | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def delete(self, resource_id: str, _version: str) -> None:
        self.deleted.append(resource_id)


TAGGED = {"location": "westeurope", "tags": {"cs-environment-id": ENVIRONMENT}}
VAULT = Named("KeyVault", "/vaults/kv", "2024-11-01")


def state(name: str) -> dict[str, Any]:
    return {**TAGGED, "properties": {"provisioningState": name}}


@pytest.mark.parametrize(
    ("answers", "adopted", "deleted"),
    [
        ([None], False, []),
        ([TAGGED], True, []),
        ([state("Creating"), state("Succeeded")], True, []),
        ([state("Failed")], False, ["/vaults/kv"]),
        ([{"properties": {"roleDefinitionId": "r"}}], True, []),  # an extension resource has neither location nor tags
    ],
)
async def test_what_stands_is_adopted_and_what_never_got_to_stand_is_deleted(
    answers: list[Any], adopted: bool, deleted: list[str]
) -> None:
    arm = Arm(*answers)
    adoption = Adoption(arm, ENVIRONMENT, asyncio.get_running_loop(), poll=0)  # type: ignore[arg-type]
    assert await asyncio.to_thread(adoption.stands, VAULT) is adopted
    assert arm.deleted == deleted


async def test_what_is_somebody_elses_is_refused_and_the_refusal_is_kept() -> None:
    foreign = {"location": "westeurope", "tags": {"cs-environment-id": "env-other"}}
    adoption = Adoption(Arm(foreign), ENVIRONMENT, asyncio.get_running_loop())  # type: ignore[arg-type]
    with pytest.raises(Refused):
        await asyncio.to_thread(adoption.stands, VAULT)
    assert isinstance(adoption.refused, Refused)
    assert adoption.refused.code == "ForeignResource"


async def test_what_the_state_has_is_not_asked_for() -> None:
    adoption = Adoption(Arm(TAGGED), ENVIRONMENT, asyncio.get_running_loop(), frozenset({"KeyVault"}))  # type: ignore[arg-type]
    assert await asyncio.to_thread(adoption.stands, VAULT) is False
    assert adoption.asked == {"KeyVault": VAULT}


ENGINE = "infra.provisioner.pulumi_engine"


@pytest.mark.parametrize(
    ("on_path", "settings", "complaint"),
    [
        (None, EngineSettings(), "there is no `pulumi` on PATH"),
        ("/bin/pulumi", EngineSettings(), "PULUMI_BACKEND_URL is missing"),
        ("/bin/pulumi", EngineSettings(backend_url="file:///x"), "PULUMI_SECRETS_PROVIDER, PULUMI_CONFIG_PASSPHRASE"),
    ],
)
def test_it_refuses_to_start_in_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, on_path: str | None, settings: EngineSettings, complaint: str
) -> None:
    monkeypatch.setattr("infra.provisioner.pulumi_engine.shutil.which", lambda _name: on_path)
    with pytest.raises(ValueError, match=complaint) as refused:
        load(ENGINE, settings)
    assert "\n" not in str(refused.value)


def test_secrets_of_its_settings_are_not_printed() -> None:
    assert "hunter2" not in repr(EngineSettings(passphrase="hunter2", environ={"TOKEN": "hunter2"}))
