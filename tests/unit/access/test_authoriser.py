"""Header value in, caller out: REST and gRPC get the same answer because there is only one to get."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.access.authoriser import Authoriser, bearer, require_scope, require_tenant
from shared.access.binding import BindingStatus, TenantBinding
from shared.access.caller import Caller
from shared.access.limits import Limits
from shared.access.tokens import MAX_TOKEN_BYTES, Tokens
from shared.kernel.errors import InsufficientScope, InvalidToken, TenantMismatch, TooManyRequests
from shared.kernel.ids import environment_id
from tests.unit.telemetry.recorder import recording

CALLER = Caller("connectsoft", "ada", "control-plane", frozenset({"runtime.environments.read"}), "trace-1")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_caller_is_who_the_token_says(tokens: Tokens, issuer: Any, scheme: str) -> None:
    caller = await Authoriser(tokens).authenticate(f"{scheme} {issuer.token()}", "trace-7")
    assert (caller.tenant_id, caller.subject, caller.client_id, caller.trace_id) == (
        "connectsoft",
        "ada",
        "control-plane",
        "trace-7",
    )
    assert caller.scopes == {"runtime.environments.read", "runtime.environments.write"}


async def test_a_stream_learns_when_its_token_ends(tokens: Tokens, issuer: Any) -> None:
    claims = await Authoriser(tokens).claims(f"Bearer {issuer.token()}")
    assert claims.expires_at == datetime(2026, 6, 11, 13, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("value", [None, "", " ", "Basic YTpi", "token", "Bearerabc"])
def test_no_bearer_token_is_no_token(value: str | None) -> None:
    with pytest.raises(InvalidToken) as caught:
        bearer(value)
    assert caught.value.given is False
    assert caught.value.reason == "no bearer token"


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Bearer a b", "Bearer a,Bearer b", "Bearer a, Bearer b", "Bearer a\tb"]
)
def test_what_is_not_exactly_one_token_is_an_invalid_one(value: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        bearer(value)
    assert caught.value.given
    assert caught.value.reason == "not one token"


def test_a_token_may_be_as_long_as_allowed_and_no_longer() -> None:
    longest = "a" * MAX_TOKEN_BYTES
    assert bearer(f"  Bearer   {longest}  ") == longest
    with pytest.raises(InvalidToken):
        bearer(f"Bearer {longest}a")


def test_only_blanks_are_no_part_of_a_token() -> None:
    """A line end or another kind of space is never trimmed away: what is judged is what was sent."""
    with pytest.raises(InvalidToken):
        bearer("\tBearer abc")
    assert bearer("Bearer abc\n") == "abc\n"


async def test_a_tenant_s_limit_is_its_own(tokens: Tokens, issuer: Any) -> None:
    authoriser = Authoriser(tokens, Limits(per_second=0.2, clock=lambda: 0.0))
    await authoriser.claims(f"Bearer {issuer.token()}")
    await authoriser.claims(f"Bearer {issuer.token(tenantId='other')}")
    with pytest.raises(TooManyRequests):
        await authoriser.claims(f"Bearer {issuer.token()}")


@pytest.mark.parametrize(("value", "reason"), [(None, "no bearer token"), ("Bearer a.b", "segments")])
async def test_what_is_refused_is_counted_by_what_was_wrong_with_it(tokens: Tokens, value: str | None, reason: str) -> None:
    with recording() as taken, pytest.raises(InvalidToken):
        await Authoriser(tokens).authenticate(value, "trace-7")
    assert taken.of("requests.unauthenticated") == [(1, {"reason": reason})]


@pytest.mark.parametrize(
    "needed",
    ["runtime.environments.rea", "runtime.environments.read2", "runtime.environments", "Runtime.environments.read"],
)
def test_a_scope_matches_letter_by_letter(needed: str) -> None:
    with pytest.raises(InsufficientScope) as caught:
        require_scope(CALLER, [needed, "runtime.internal"])
    assert caught.value.needed == needed


def test_any_of_the_accepted_scopes_will_do() -> None:
    require_scope(CALLER, ["runtime.configurations.write", "runtime.environments.read"])


def test_the_body_may_only_name_the_tokens_tenant() -> None:
    require_tenant(CALLER, "connectsoft")
    for other in ("other", "Connectsoft", "connectsoft ", ""):
        with pytest.raises(TenantMismatch):
            require_tenant(CALLER, other)


def test_a_binding_reads_what_it_wrote() -> None:
    binding = TenantBinding(
        tenant_id="connectsoft",
        environment_id=environment_id("0" * 16),
        status=BindingStatus.ACTIVE,
        changed_at=datetime(2026, 6, 11, tzinfo=UTC),
        changed_by="ada",
    )
    assert set(binding.document()) == {"tenantId", "environmentId", "status", "changedAt", "changedBy"}
    assert TenantBinding.read(binding.document()) == binding
