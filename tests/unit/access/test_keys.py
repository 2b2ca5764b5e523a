"""The issuer's keys: discovered once, refreshed with manners, kept through an outage, never taken from somebody else."""

from __future__ import annotations

import asyncio
import base64
import warnings
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from shared.access.jwks import fits, usable_keys
from shared.access.keys import KEEP_AT_MOST, REFRESH_EVERY, UNKNOWN_EVERY, SigningKeys, accepted_issuers
from shared.kernel.errors import Transient

HOUR = 3600.0


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.com",
        "ftp://localhost",
        "https://",
        "login.example.com",
        "http://127.0.0.1@evil.example",
        "http://localhost.evil.example",
        "http://[::1",
        "",
    ],
)
def test_an_issuer_in_the_clear_is_refused_at_start(url: str, issuer: Any, hands: Any) -> None:
    with pytest.raises(ValueError, match="https"):
        SigningKeys(url, issuer.fetch, hands.monotonic)


@pytest.mark.parametrize(
    "url", ["https://x.example", "http://127.0.0.1:8082", "http://localhost:1/realm", "http://[::1]:1"]
)
def test_https_anywhere_and_plain_http_on_loopback_are_issuers(url: str, issuer: Any, hands: Any) -> None:
    SigningKeys(url, issuer.fetch, hands.monotonic)


def test_only_a_root_issuer_has_two_spellings() -> None:
    assert accepted_issuers("https://a.example") == accepted_issuers("https://a.example/")
    assert accepted_issuers("https://a.example/realm") == {"https://a.example/realm"}
    assert accepted_issuers("https://a.example/realm/") == {"https://a.example/realm/"}


async def test_keys_are_discovered_once_for_all_who_come_together(keys: SigningKeys, issuer: Any) -> None:
    found = await asyncio.gather(*[keys.named("rsa-1") for _ in range(50)])
    assert all(len(named) == 1 for named in found)
    assert issuer.asked == [
        "https://login.example.com/.well-known/openid-configuration",
        "https://login.example.com/jwks",
    ]


async def test_one_who_gives_up_does_not_take_the_refresh_from_the_others(keys: SigningKeys, issuer: Any) -> None:
    first = asyncio.create_task(keys.named("rsa-1"))
    second = asyncio.create_task(keys.named("rsa-1"))
    await asyncio.sleep(0)
    first.cancel()
    assert len(await second) == 1
    assert issuer.fetches() == 1


async def test_a_token_without_kid_finds_the_only_key_and_no_choice_among_two(keys: SigningKeys, issuer: Any) -> None:
    assert await keys.named(None) == ()
    issuer.published = issuer.published[:1]
    await keys.named("new")  # refreshes
    assert len(await keys.named(None)) == 1


async def test_a_rotated_key_is_found_at_once_and_a_withdrawn_one_is_gone(
    keys: SigningKeys, issuer: Any, other_rsa: RSAKey
) -> None:
    assert await keys.named("rsa-1")
    issuer.published = [issuer.public(other_rsa, "rsa-2")]
    assert await keys.named("rsa-2")
    assert await keys.named("rsa-1") == ()


async def test_a_flood_of_invented_kids_costs_one_fetch_in_thirty_seconds(
    keys: SigningKeys, issuer: Any, hands: Any
) -> None:
    await keys.named("rsa-1")
    for number in range(100):
        assert await keys.named(f"invented-{number}") == ()
    await asyncio.gather(*[keys.named(f"racing-{number}") for number in range(100)])
    assert (issuer.fetches(), issuer.fetches("openid-configuration")) == (2, 1)
    hands.passed += UNKNOWN_EVERY
    assert await keys.named("invented") == ()
    assert issuer.fetches() == 3


async def test_an_hour_later_keys_are_refreshed_behind_the_request(keys: SigningKeys, issuer: Any, hands: Any) -> None:
    await keys.named("rsa-1")
    hands.passed += REFRESH_EVERY
    issuer.published = issuer.published[1:]
    assert await keys.named("rsa-1"), "the request that starts the refresh does not wait for it"
    await asyncio.sleep(0.01)
    assert issuer.fetches() == 2
    assert await keys.named("rsa-1") == ()


async def test_known_keys_survive_an_outage_for_a_day_and_not_longer(keys: SigningKeys, issuer: Any, hands: Any) -> None:
    await keys.named("rsa-1")
    issuer.down = True
    for _ in range(23):
        hands.passed += HOUR
        assert await keys.named("rsa-1")
        await asyncio.sleep(0)
    hands.passed = KEEP_AT_MOST
    with pytest.raises(Transient):
        await keys.named("rsa-1")
    issuer.down = False
    hands.passed += HOUR
    assert await keys.named("rsa-1")


async def test_a_refresh_that_fails_is_not_tried_with_every_request(keys: SigningKeys, issuer: Any, hands: Any) -> None:
    await keys.named("rsa-1")
    issuer.down = True
    hands.passed += REFRESH_EVERY
    for _ in range(20):
        await keys.named("rsa-1")
        await asyncio.sleep(0.001)
    assert len(issuer.asked) == 3


async def test_without_any_keys_the_issuer_is_asked_with_back_off(keys: SigningKeys, issuer: Any, hands: Any) -> None:
    issuer.down = True
    for _ in range(20):
        with pytest.raises(Transient) as caught:
            await keys.named("rsa-1")
    assert caught.value.dependency == "issuer"
    assert caught.value.retry_after >= 1
    assert len(issuer.asked) == 1
    hands.passed += 1.5
    with pytest.raises(Transient):
        await keys.named("rsa-1")
    assert len(issuer.asked) == 2
    hands.passed += 1.0
    with pytest.raises(Transient):
        await keys.named("rsa-1")
    assert len(issuer.asked) == 2, "the second wait is longer"
    issuer.down = False
    hands.passed += 5
    assert await keys.named("rsa-1")


async def test_the_waits_double_up_to_a_minute_and_each_answer_says_what_is_left_of_it(
    keys: SigningKeys, issuer: Any, hands: Any
) -> None:
    issuer.down = True
    told = []
    for _ in range(9):
        with pytest.raises(Transient) as caught:
            await keys.named("rsa-1")
        told.append(caught.value.retry_after)
        hands.passed += caught.value.retry_after - 0.5
        with pytest.raises(Transient) as early:
            await keys.named("rsa-1")
        assert early.value.retry_after == 1.0, "what is left, but never less than a second"
        hands.passed += 0.5
    assert told == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(issuer.asked) == 9


async def test_after_a_success_the_waits_begin_anew(keys: SigningKeys, issuer: Any, hands: Any) -> None:
    issuer.down = True
    for _ in range(3):
        with pytest.raises(Transient) as caught:
            await keys.named("rsa-1")
        hands.passed += caught.value.retry_after
    issuer.down = False
    await keys.named("rsa-1")
    issuer.down = True
    hands.passed += KEEP_AT_MOST
    with pytest.raises(Transient) as caught:
        await keys.named("rsa-1")
    assert caught.value.retry_after == 1.0


async def test_an_unknown_kid_asks_for_the_keys_alone_and_an_hour_later_for_where_they_are_too(
    keys: SigningKeys, issuer: Any, hands: Any
) -> None:
    await keys.named("rsa-1")
    await keys.named("unknown")
    assert (issuer.fetches("openid-configuration"), issuer.fetches()) == (1, 2)
    hands.passed += REFRESH_EVERY
    await keys.named("rsa-1")
    await asyncio.sleep(0.01)
    assert (issuer.fetches("openid-configuration"), issuer.fetches()) == (2, 3)


async def test_after_a_failure_the_keys_are_looked_for_anew(keys: SigningKeys, issuer: Any, hands: Any) -> None:
    await keys.named("rsa-1")
    issuer.down = True
    with pytest.raises(Transient):
        await keys.named("unknown")
    issuer.down = False
    issuer.discovery = {**issuer.discovery, "jwks_uri": "https://login.example.com/moved/jwks"}
    hands.passed += UNKNOWN_EVERY
    await keys.named("unknown")
    assert issuer.asked[-1] == "https://login.example.com/moved/jwks"


async def test_an_unknown_kid_joins_the_refresh_that_is_under_way(keys: SigningKeys, issuer: Any, hands: Any) -> None:
    await keys.named("rsa-1")
    await keys.named("unknown")
    hands.passed += REFRESH_EVERY
    issuer.published = [*issuer.published, issuer.public(issuer.other, "new")]
    assert await keys.named("rsa-1")
    hands.passed += 1.0 - UNKNOWN_EVERY
    assert await keys.named("new"), "it waits for what comes, though another was asked for a moment ago"
    assert issuer.fetches() == 3


async def test_who_had_to_wait_for_the_keys_does_not_ask_again_for_an_unknown_one(keys: SigningKeys, issuer: Any) -> None:
    assert await keys.named("unknown") == ()
    assert issuer.fetches() == 1


async def test_a_day_old_keys_are_gone_even_before_the_issuer_answers(keys: SigningKeys, issuer: Any, hands: Any) -> None:
    await keys.named("rsa-1")
    issuer.down = True
    hands.passed += KEEP_AT_MOST
    with pytest.raises(Transient):
        await keys.named("rsa-1")
    with pytest.raises(Transient):
        await keys.named(None)


async def test_what_went_wrong_is_logged_by_its_kind_alone(
    keys: SigningKeys, issuer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.down = True
    with pytest.raises(Transient):
        await keys.named("rsa-1")
    assert [one.getMessage() for one in caplog.records if one.name == "shared.access.keys"] == [
        "the issuer's signing keys could not be refreshed: OSError"
    ]


async def test_an_unknown_kid_during_an_outage_is_no_verdict_about_the_token(keys: SigningKeys, issuer: Any) -> None:
    await keys.named("rsa-1")
    issuer.down = True
    for _ in range(2):
        with pytest.raises(Transient):
            await keys.named("maybe-rotated")
    assert await keys.named("rsa-1")
    assert issuer.fetches() == 2


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example", "jwks_uri": "https://login.example.com/jwks"},
        {"issuer": ["https://login.example.com/"], "jwks_uri": "https://login.example.com/jwks"},
        {"issuer": "https://login.example.com/", "jwks_uri": "http://login.example.com/jwks"},
        {"issuer": "https://login.example.com/", "jwks_uri": 7},
        {"issuer": "https://login.example.com/"},
        [],
        None,
    ],
)
async def test_a_discovery_document_that_is_not_the_issuers_gives_no_keys(
    keys: SigningKeys, issuer: Any, document: Any
) -> None:
    issuer.discovery = document
    with pytest.raises(Transient):
        await keys.named("rsa-1")


async def test_an_answer_without_a_usable_key_never_replaces_the_good_ones(keys: SigningKeys, issuer: Any) -> None:
    await keys.named("rsa-1")
    issuer.published = []
    with pytest.raises(Transient):
        await keys.named("unknown")
    assert await keys.named("rsa-1")


async def test_closing_ends_a_refresh_under_way(issuer: Any, hands: Any) -> None:
    async def never(_url: str) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    keys = SigningKeys("https://login.example.com", never, hands.monotonic)
    waiting = asyncio.create_task(keys.named("rsa-1"))
    await asyncio.sleep(0)
    refreshing = keys._refreshing
    await keys.close()
    assert refreshing is not None
    assert refreshing.cancelled(), "and nothing of it is left when it is closed"
    assert (await asyncio.gather(waiting, return_exceptions=True))[0] is not None


def test_only_public_signature_keys_of_our_algorithms_are_used(rsa: RSAKey, curve: ECKey, issuer: Any) -> None:
    good = issuer.public(rsa, "good", alg="PS256")
    unusable: list[Any] = [
        issuer.public(rsa, "for encryption", use="enc"),
        issuer.public(rsa, "other algorithm", alg="RS512"),
        {**OctKey.generate_key(256).as_dict(private=True), "kid": "symmetric"},
        {**ECKey.generate_key("P-384").as_dict(private=False), "kid": "other curve"},
        {"kty": "RSA", "kid": "short", "n": good["n"][:171], "e": "AQAB"},
        {"kty": "RSA", "kid": "broken", "n": "!" * 400, "e": "AQAB"},
        {"kty": "RSA", "kid": "incomplete", "e": "AQAB"},
        {"kty": ["RSA"], "kid": "listed"},
        {"kty": "AKP", "kid": "post-quantum"},
        {**good, "kid": 7},
        "text",
        None,
    ]
    found = usable_keys({"keys": [*unusable, good, {**rsa.as_dict(private=True), "kid": "leaked"}]})
    assert set(found) == {"good", "leaked"}
    assert not any(key.is_private for named in found.values() for key in named)
    assert fits(found["good"][0], "PS256")
    assert not fits(found["good"][0], "RS256"), "published for another algorithm"
    assert not fits(found["leaked"][0], "ES256"), "another type of key"
    assert fits(found["leaked"][0], "RS256")


def test_keys_of_one_name_are_all_kept_and_those_without_are_found_under_none(rsa: RSAKey, other_rsa: RSAKey) -> None:
    named = [{**key.as_dict(private=False), "kid": "same"} for key in (rsa, other_rsa)]
    nameless = {name: value for name, value in rsa.as_dict(private=False).items() if name != "kid"}
    found = usable_keys({"keys": [*named, nameless]})
    assert {kid: len(keys) for kid, keys in found.items()} == {"same": 2, "": 1}


def test_two_thousand_and_forty_eight_bits_are_enough_and_leading_zeros_are_no_bits(rsa: RSAKey) -> None:
    assert usable_keys({"keys": [rsa.as_dict(private=False)]})
    with warnings.catch_warnings(action="ignore"):
        short = RSAKey.generate_key(1024, auto_kid=False).as_dict(private=False)
    padded = base64.urlsafe_b64encode(b"\0" * 130 + base64.urlsafe_b64decode(str(short["n"]) + "==")).decode()
    with pytest.raises(ValueError, match="no usable key"):
        usable_keys({"keys": [{**short, "n": padded.rstrip("=")}]})
