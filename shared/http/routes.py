"""Every route of the platform, declared once and found by raw path.

The Functions host finds functions with its own rules (case-insensitive, decoded); what a request means is decided here:
- `/v1/runtime/…` is the contract, `/runtime/…` the same thing, `/v<other>/…` another version's; some paths are absolute;
- paths match letter by letter, a slash at the end is another path, and only what the caller wrote as `/` separates;
- parameters are percent-decoded once, after matching: `%2F` stays in its segment and `%252F` stays `%2F`;
- a literal segment wins over a parameter; HEAD is GET without its body.
404, 405 and version errors come from here, before anybody is asked for a token.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_type_hints
from urllib.parse import unquote_to_bytes

from shared.access.binding import BindingStatus
from shared.http.headers import Deprecation
from shared.http.query import Parameter
from shared.kernel.errors import MethodNotAllowed, NotFound, RuntimeCloudError, UnsupportedApiVersion
from shared.kernel.record import Record

VERSION = "v1"
SUPPORTED = (VERSION,)
PREFIX = f"/{VERSION}/runtime"
ALIAS = "/runtime"
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

Handler = Callable[..., Awaitable[Any]]

_OTHER_VERSION = re.compile(r"/(v[0-9]+)(?:/.*)?", re.DOTALL)
_PARAMETER = re.compile(r"\{([a-zA-Z]+)\}")
_ESCAPES = re.compile(r"(?:[^%]|%[0-9a-fA-F]{2})*", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """The answer of a list: the member its items stand in, what each of them is, and what stands beside them."""

    plural: str
    item: Any
    beside: type[Record] | None = None


OPEN = frozenset({BindingStatus.ACTIVE})
UNSUSPENDED = OPEN | {BindingStatus.PENDING}  # for what goes on with a provision, or ends what came of it
Answers = Mapping[int, Any] | Page  # status -> type of the document, None for no body; a Page is a 200
Raised = type[RuntimeCloudError]


@dataclass(frozen=True)
class Route:
    """One operation. `scopes`: any of them opens it, None is open to all, said on purpose. `path` is relative to
    `/v1/runtime`, or whole when `absolute`. `query` are the parameters it reads, `answers` what it answers when it works,
    `raises` its own errors beside those that follow from what kind of route it is."""

    method: str
    path: str
    scopes: tuple[str, ...] | None
    governed: bool
    action: str
    handler: Handler
    absolute: bool = False
    query: Mapping[str, Parameter] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)
    raises: tuple[Raised, ...] = ()
    deprecation: Deprecation | None = None
    bindings: frozenset[BindingStatus] = OPEN  # of the tenant; with any other a mutation is refused

    @property
    def body(self) -> type[Record] | None:
        """The model of the body; None for a route without one."""
        return _body_type(self.handler)

    @property
    def needs_body(self) -> bool:
        return self.body is not None and any(member.is_required() for member in self.body.model_fields.values())

    @property
    def plural(self) -> str:
        """The member that the items of its list stand in. Raises TypeError for what is no list."""
        if not isinstance(self.answers, Page):
            raise TypeError(f"{self.method} {self.path} declares no page")
        return self.answers.plural

    @property
    def full_path(self) -> str:
        return self.path if self.absolute else PREFIX + self.path


@cache
def _body_type(handler: Any) -> type[Record] | None:
    """The type of the parameter `body`."""
    return get_type_hints(handler).get("body")


@dataclass(frozen=True)
class Match:
    route: Route
    params: Mapping[str, str]  # decoded
    head: bool = False  # answer without the body

    def ids(self) -> Mapping[str, str]:
        """`params`, if each could be an id. Raises `NotFound`: what cannot exist must not become a table key."""
        for name, value in self.params.items():
            if not ID.fullmatch(value):
                raise NotFound(name, value)
        return self.params


@dataclass
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class RouteTable:
    """Routes by raw path. Raises ValueError for two routes that answer the same requests."""

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._routes: list[Route] = []
        self._root = _Node()
        for route in routes:
            self.add(route)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def add(self, route: Route) -> None:
        node = self._root
        for segment in _segments(route.full_path):
            if _PARAMETER.fullmatch(segment):
                node.parameter = node = node.parameter or _Node()
            else:
                node = node.literals.setdefault(segment, _Node())
        if route.method in node.routes:
            raise ValueError(f"{route.method} {route.full_path} is declared twice")
        node.routes[route.method] = route
        self._routes.append(route)

    def match(self, method: str, raw_path: str) -> Match:
        """The route for `method` (upper case) on `raw_path` (percent-encoded, without query).

        Raises `UnsupportedApiVersion`, `NotFound` or `MethodNotAllowed`.
        """
        other = _OTHER_VERSION.fullmatch(raw_path)
        if other and other[1] not in SUPPORTED:
            raise UnsupportedApiVersion(other[1], SUPPORTED)
        segments = _segments(_canonical(raw_path))
        nodes = [node for node in _nodes(self._root, segments, 0) if node.routes]
        if not nodes:
            raise NotFound("path", raw_path)
        wanted = "GET" if method == "HEAD" else method
        route = next((node.routes[wanted] for node in nodes if wanted in node.routes), None)
        if route is None:
            raise MethodNotAllowed(_allowed(nodes))
        return Match(route, _params(route, segments), head=method == "HEAD")


def _canonical(raw_path: str) -> str:
    return f"/{VERSION}{raw_path}" if raw_path.startswith(ALIAS + "/") else raw_path


def _segments(path: str) -> list[str]:
    return path.split("/")


def _nodes(node: _Node, segments: list[str], at: int) -> Iterator[_Node]:
    """Every node that `segments` lead to, literals first."""
    if at == len(segments):
        yield node
        return
    segment = segments[at]
    if segment in node.literals:
        yield from _nodes(node.literals[segment], segments, at + 1)
    if node.parameter is not None and _decoded(segment):
        yield from _nodes(node.parameter, segments, at + 1)


def _allowed(nodes: list[_Node]) -> list[str]:
    methods = {method for node in nodes for method in node.routes}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def _params(route: Route, segments: list[str]) -> dict[str, str]:
    named = zip(_segments(route.full_path), segments, strict=True)
    return {found[1]: _decoded(segment) for name, segment in named if (found := _PARAMETER.fullmatch(name))}


def _decoded(segment: str) -> str:
    """The text of a segment, decoded once; empty for what is no text: bad escapes or UTF-8, or control characters."""
    if not _ESCAPES.fullmatch(segment):
        return ""
    try:
        decoded = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeError:
        return ""
    return "" if any(mark < " " or mark == "\x7f" for mark in decoded) else decoded
