"""Which function answers a path: ASP.NET Core's templates and path decoding, as pure functions.

Kestrel decodes the path once, except `%2F`, and then removes dot segments; templates match the result, ignoring case (ASCII
only), with or without a trailing slash. There is no precedence of literals over parameters in the Functions host: the first
function by name wins. A parameter's value keeps its case and its `%2F`.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from localazure.host.configuration import NotEmulated

_PARAMETER = re.compile(r"\{(\*{0,2})(\w+)(?::([^}?]+))?(\?)?\}")
_CONSTRAINTS = {
    "int": r"-?\d+",
    "long": r"-?\d+",
    "guid": r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}",
    "alpha": r"[a-z]+",
    "bool": r"true|false",
    "decimal": r"-?\d+(?:\.\d+)?",
    "double": r"-?\d+(?:\.\d+)?",
}
# ASCII: with Unicode's rules the Kelvin sign would match "k", which .NET's ordinal comparison does not say.
_FLAGS = re.IGNORECASE | re.ASCII | re.DOTALL


def compile_template(template: str, who: str) -> re.Pattern[str]:
    """A pattern to `fullmatch` a decoded path. Raises `NotEmulated` naming the function `who`."""
    pattern = ""
    for position, segment in enumerate(part for part in template.strip("/").split("/") if part):
        body, optional = _compile_segment(segment, who)
        separator = "/" if position else ""
        pattern += f"(?:{separator}{body})?" if optional else separator + body
    return re.compile(f"/{pattern}/?", _FLAGS)


def _compile_segment(segment: str, who: str) -> tuple[str, bool]:
    body, optional, position = "", False, 0
    for match in _PARAMETER.finditer(segment):
        stars, name, constraint, mark = match.groups()
        if constraint and constraint not in _CONSTRAINTS:
            raise NotEmulated(f"{who}: route constraint {constraint!r}")
        value = ".*" if stars else _CONSTRAINTS.get(constraint or "", "[^/]+?")
        body += re.escape(segment[position : match.start()]) + f"(?P<{name}>{value})"
        optional = optional or bool(stars or mark)
        position = match.end()
    return body + re.escape(segment[position:]), optional


def decode_path(raw: str) -> str | None:
    """The path as Kestrel hands it on; None for one it answers 400 (a NUL in it)."""
    decoded = "".join(part if part.upper() == "%2F" else _unquote(part) for part in re.split("(%2[fF])", raw))
    return None if "\0" in decoded else _without_dots(decoded)


def _unquote(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text  # Kestrel leaves what is not UTF-8 as it stands


def _without_dots(path: str) -> str:
    """RFC 3986 5.2.4."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
