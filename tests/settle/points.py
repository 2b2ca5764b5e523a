"""Where a process can die: before and after every store write and every outbound call, each under a name.

A name says what is written or asked, never to which environment: "commit env,binding,slot,op,n-op,idem,log,seq,out",
"arm PUT Microsoft.KeyVault/vaults", "kubernetes create Deployment", "bus publish RuntimeEnvironmentProvisioned". The same
flow on two environments passes the same names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from shared.store.port import Change, Delete

Named = Callable[..., str]

_LITERAL = {"env", "binding", "slot", "seq", "health", "scan"}
_GATE = re.compile(r"dep-[0-9a-f]{32}~\d{3}")


def kind_of(key: str) -> str:
    """The kind of a row: `env`, `op`, `gate`, `n-op`, `plan`, …"""
    if key in _LITERAL:
        return key
    if _GATE.fullmatch(key):
        return "gate"
    if key.startswith("n-"):
        return "-".join(key.split("-")[:2])
    return key.split("-")[0]


def commit(_store: Any, partition: str, _commit_id: str, changes: Sequence[Change]) -> str:
    if partition.startswith("~"):
        deleted = all(isinstance(change, Delete) for change in changes)
        return f"commit {partition.split('|')[0]} {'delete' if deleted else 'put'}"
    kinds = dict.fromkeys(("-" if isinstance(change, Delete) else "") + kind_of(change.key) for change in changes)
    where = "~ " if partition.endswith("|~") else ""
    return f"commit {where}{','.join(kinds)}"


def arm(method: str) -> Named:
    """`method` on the type of a resource, with the action where it is one."""

    def name(_arm: Any, path: str, *_rest: Any) -> str:
        return f"arm {method} {_type_of(path)}"

    return name


def _type_of(path: str) -> str:
    if "/providers/" not in path:
        return "resourceGroups"
    namespace, *segments = path.rpartition("/providers/")[2].split("/")
    types = [segment for index, segment in enumerate(segments) if index % 2 == 0]
    return "/".join([namespace, *types])


def kubernetes(verb: str) -> Named:
    def name(_cluster: Any, what: Any, *_rest: Any, **_more: Any) -> str:
        return f"kubernetes {verb} {what if isinstance(what, str) else what['kind']}"

    return name


def bus(verb: str) -> Named:
    def name(_bus: Any, _entity: str, messages: Sequence[Any]) -> str:
        return f"bus {verb} {','.join(sorted({str(message.subject) for message in messages}))}"

    return name


def hub(verb: str) -> Named:
    def name(_hub: Any, _what: Any) -> str:
        return f"hub {verb}"

    return name


def policy(_outbound: Any, *_rest: Any) -> str:
    return "policy post"
