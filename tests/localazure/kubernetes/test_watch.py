"""Watches: what the official semantics promise, seen through the real client and, where it hides them, on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from lightkube import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod

from localazure.kubernetes import watching
from localazure.kubernetes.cabinet import Cabinet
from localazure.kubernetes.history import Change, History
from localazure.kubernetes.kinds import CONFIG_MAP
from localazure.kubernetes.status import Refusal
from localazure.shelf import Shelf

from .conftest import deployment, start_lab

MAPS = "/api/v1/namespaces/env/configmaps"


def config_map(name: str, color: str = "red", **data: str) -> ConfigMap:
    metadata = ObjectMeta(name=name, namespace="env", labels={"color": color})
    return ConfigMap(metadata=metadata, data=data)


@contextlib.asynccontextmanager
async def watched(http: httpx.AsyncClient, **query: Any) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """A watch that is open once this is entered: (type, object) as they come."""
    async with http.stream("GET", MAPS, params={"watch": "true", **query}) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")

        async def events() -> AsyncIterator[tuple[str, Any]]:
            async for line in answer.aiter_lines():
                row = json.loads(line)
                yield row["type"], row["object"]

        yield events()


async def named(events: AsyncIterator[tuple[str, Any]], count: int) -> list[tuple[str, str]]:
    async with asyncio.timeout(10):
        return [(kind, thing["metadata"]["name"]) for kind, thing in [await anext(events) for _ in range(count)]]


async def version(http: httpx.AsyncClient) -> str:
    return (await http.get(MAPS)).json()["metadata"]["resourceVersion"]


async def test_from_the_version_of_a_list_on_every_change_comes_once_in_its_order(client: Any, http: Any) -> None:
    await client.create(config_map("before"))
    since = await version(http)
    await client.create(config_map("one", a="1"))
    async with watched(http, resourceVersion=since) as events:
        await client.apply(config_map("one", a="2"), force=True)
        await client.apply(config_map("one", a="2"), force=True)  # changes nothing: no version, no event
        await client.delete(ConfigMap, "one", namespace="env")
        await client.create(config_map("two"))
        seen = await named(events, 4)
    assert seen == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one"), ("ADDED", "two")]


async def test_without_a_version_what_stands_comes_first(client: Any, http: Any) -> None:
    await client.create(config_map("b"))
    await client.create(config_map("a"))
    async with watched(http) as events:
        assert await named(events, 2) == [("ADDED", "a"), ("ADDED", "b")]
        await client.create(config_map("c"))
        assert await named(events, 1) == [("ADDED", "c")]


async def test_what_begins_or_ends_to_match_is_added_or_deleted(client: Any, http: Any) -> None:
    await client.create(config_map("one", "blue"))
    async with watched(http, resourceVersion=await version(http), labelSelector="color=red") as events:
        await client.apply(config_map("one", "red"), force=True)
        await client.apply(config_map("one", "red", a="1"), force=True)
        await client.apply(config_map("one", "blue"), force=True)
        await client.delete(ConfigMap, "one", namespace="env")  # nobody who watches red cares
        await client.create(config_map("end", "red"))
        seen = await named(events, 4)
    assert seen == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one"), ("ADDED", "end")]


async def test_a_deletion_carries_a_version_from_which_to_go_on(client: Any, http: Any) -> None:
    made = await client.create(config_map("one"))
    async with watched(http, resourceVersion=made.metadata.resourceVersion) as events:
        await client.delete(ConfigMap, "one", namespace="env")
        kind, gone = await anext(events)
    assert (kind, gone["metadata"]["name"]) == ("DELETED", "one")
    assert int(gone["metadata"]["resourceVersion"]) > int(made.metadata.resourceVersion)
    async with watched(http, resourceVersion=gone["metadata"]["resourceVersion"]) as events:
        await client.create(config_map("two"))
        assert await named(events, 1) == [("ADDED", "two")]


async def test_other_namespaces_and_kinds_are_not_told(client: Any, http: Any) -> None:
    await client.create(Namespace(metadata=ObjectMeta(name="elsewhere")))
    async with watched(http, resourceVersion=await version(http)) as events:
        await client.create(ConfigMap(metadata=ObjectMeta(name="foreign", namespace="elsewhere")))
        await client.create(deployment())
        await client.create(config_map("mine"))
        assert await named(events, 1) == [("ADDED", "mine")]


async def test_a_watch_ends_after_the_seconds_it_asked_for(client: Any, http: Any) -> None:
    async with watched(http, resourceVersion=await version(http), timeoutSeconds=1) as events:
        async with asyncio.timeout(10):
            assert [row async for row in events] == []


async def test_bookmarks_say_from_where_to_go_on_and_that_the_start_is_told(
    client: Any, http: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "BOOKMARK_SECONDS", 0.05)
    await client.create(config_map("one"))
    asked = {"allowWatchBookmarks": "true", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    async with watched(http, **asked) as events, asyncio.timeout(10):
        assert (await anext(events))[1]["metadata"]["name"] == "one"
        kind, start = await anext(events)
        assert (kind, start["metadata"]["annotations"]) == ("BOOKMARK", {watching.INITIAL_EVENTS_END: "true"})
        await client.create(Namespace(metadata=ObjectMeta(name="another")))  # moves the version on, and is not told here
        later = start
        while int(later["metadata"]["resourceVersion"]) <= int(start["metadata"]["resourceVersion"]):
            kind, later = await anext(events)
            assert (kind, later["kind"], set(later["metadata"])) == ("BOOKMARK", "ConfigMap", {"resourceVersion"})


async def test_a_version_from_before_a_restart_is_gone_and_a_client_that_lists_anew_goes_on(tmp_path: Any) -> None:
    lab = await start_lab(tmp_path)
    async with lab.client() as client:
        await client.create(Namespace(metadata=ObjectMeta(name="env")))
        old = (await client.create(config_map("one"))).metadata.resourceVersion
        await client.create(config_map("two"))
    await lab.stop()

    again = await start_lab(tmp_path)
    async with again.client() as client, asyncio.timeout(10):
        with pytest.raises(ApiError) as expired:
            async for _ in client.watch(ConfigMap, namespace="env", resource_version=old):
                pass
        assert (expired.value.status.code, expired.value.status.reason) == (410, "Expired")
        listed = client.list(ConfigMap, namespace="env")
        assert [one.metadata.name async for one in listed] == ["one", "two"]
        watch = client.watch(ConfigMap, namespace="env", resource_version=listed.resourceVersion)
        coming = asyncio.ensure_future(anext(watch))
        await client.create(config_map("three"))
        kind, thing = await coming
        assert (kind, thing.metadata.name) == ("ADDED", "three")
        await watch.aclose()
    await again.stop()


async def test_a_rollout_can_be_followed_without_asking_again(client: Any) -> None:
    await client.create(deployment(replicas=2))
    ready: dict[str, bool] = {}
    async with asyncio.timeout(20):
        async for kind, pod in client.watch(Pod, namespace="env"):
            assert kind in ("ADDED", "MODIFIED")
            conditions = (pod.status.conditions or []) if pod.status else []
            ready[pod.metadata.name] = any(one.type == "Ready" and one.status == "True" for one in conditions)
            if list(ready.values()) == [True, True]:
                break
        async for _, seen in client.watch(Deployment, namespace="env"):
            if seen.status and seen.status.availableReplicas == 2:
                break


async def test_the_end_of_the_cluster_ends_its_watches(tmp_path: Any) -> None:
    lab = await start_lab(tmp_path)
    headers = {"Authorization": "Bearer the-token-of-the-platform"}
    async with (
        httpx.AsyncClient(base_url=lab.url, headers=headers, trust_env=False) as http,
        http.stream("GET", "/api/v1/pods", params={"watch": "1"}) as answer,
        asyncio.timeout(10),
    ):
        await lab.cluster.stop()
        assert [line async for line in answer.aiter_lines()] == []
    await lab.stop()


def test_what_is_no_longer_known_is_expired_and_what_follows_is_whole(tmp_path: Any) -> None:
    history = History(5, kept=2)
    for number in (6, 7, 8):
        history.record(Change(number, CONFIG_MAP, None, {}))
    assert [change.version for change in history.since(6)] == [7, 8]
    assert history.since(8) == []
    with pytest.raises(Refusal) as expired:
        history.since(5)
    assert expired.value.code == 410
    cabinet = Cabinet(Shelf(tmp_path / "one.sqlite"))
    assert cabinet.history.since(int(cabinet.version)) == []
