"""The operators' page as answers: files that were hashed once, and the shell that names them.

Concept: every file of the page is served below `/ui/a/<hash of them all>/`, so that it may be kept for a year, relative
imports stay inside one version, and nothing has to be built or renamed. Every other path below `/ui/` answers the shell,
which is revalidated each time and names the current hash; the page itself then reads the path.

Invariants: files are read on the first request and never at import; only what was found in the folders is served, so a
path cannot leave them; no answer is without its policy (`_headers`); the API's routes never come here.

Failure modes: a hash of another version is a 404 that nobody may keep. During an upgrade a shell can meet an instance that
does not have its files yet: it asks again when it is loaded again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shared.http import headers, preconditions
from shared.http.message import Request, Response

PREFIX = "/ui"
ASSETS = f"{PREFIX}/a/"
CONFIG = f"{PREFIX}/config.json"
SHELL = "index.html"
SMALLEST_ZIPPED = 600  # bytes: below, gzip saves nothing worth a header
HASH_DIGITS = 16
FOREVER = "public, max-age=31536000, immutable"
READ_SCOPES = (
    "runtime.environments.read",
    "runtime.deployments.read",
    "runtime.health.read",
    "runtime.drift.read",
)
WRITE_SCOPES = (
    "runtime.environments.write",
    "runtime.deployments.write",
    "runtime.secrets.write",
    "runtime.scaling.write",
)
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".md": "text/markdown",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class File:
    body: bytes
    zipped: bytes | None
    kind: str
    etag: str

    @classmethod
    def of(cls, body: bytes, kind: str) -> File:
        zipped = gzip.compress(body, 9, mtime=0) if len(body) >= SMALLEST_ZIPPED else None
        return cls(body, zipped, kind, preconditions.etag_of(body))


@dataclass(frozen=True)
class Site:
    """The page of one version: its files by path, its shell, its configuration, its policy."""

    files: Mapping[str, File]
    shell: File
    version: str
    config: bytes
    policy: str

    def answer(self, request: Request) -> Response:
        """What is at the path. Raises `MalformedRequest` for an `If-None-Match` that cannot be read."""
        if request.path == CONFIG:
            return Response(200, self._headers("application/json", headers.NO_STORE), self._shown(request, self.config))
        if request.path.startswith(ASSETS):
            version, _, name = request.path.removeprefix(ASSETS).partition("/")
            file = self.files.get(name) if version == self.version else None
            if file is None:
                return Response(404, self._headers("text/plain", headers.NO_STORE), b"")
            return self._file(request, file, FOREVER)
        return self._file(request, self.shell, "no-cache")

    def _file(self, request: Request, file: File, kept: str) -> Response:
        fields = self._headers(file.kind, kept) | {"Vary": "Accept-Encoding"}
        body, etag = file.body, file.etag
        if file.zipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body, etag = file.zipped, f'{file.etag[:-1]}-gzip"'
            fields["Content-Encoding"] = "gzip"
        fields[headers.ETAG] = etag
        if preconditions.is_not_modified(request.headers.get("if-none-match"), etag):
            return Response(304, {name: value for name, value in fields.items() if name != "Content-Encoding"}, b"")
        return Response(200, fields, self._shown(request, body))

    def _shown(self, request: Request, body: bytes) -> bytes:
        return b"" if request.method == "HEAD" else body

    def _headers(self, kind: str, kept: str) -> dict[str, str]:
        return headers.standard() | {
            headers.CONTENT_TYPE: kind,
            headers.CACHE_CONTROL: kept,
            "Content-Security-Policy": self.policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Strict-Transport-Security": "max-age=31536000",  # browsers heed it over TLS alone
        }


def site(root: Path, issuer: str, client_id: str) -> Site:
    """Read the page below `root` (`ui/`, and `docs/operator/`, which it shows) for an issuer and a client."""
    bodies = {path.relative_to(root / "ui").as_posix(): path.read_bytes() for path in _found(root / "ui", "*")}
    shell = bodies.pop(SHELL)
    bodies |= {f"docs/{path.name}": path.read_bytes() for path in _found(root / "docs" / "operator", "*.md")}
    files = {name: File.of(body, _TYPES[Path(name).suffix]) for name, body in bodies.items()}
    version = _version([shell, *(part for name in sorted(bodies) for part in (name.encode(), bodies[name]))])
    scopes = {"read": READ_SCOPES, "write": WRITE_SCOPES}
    config = {"issuer": issuer, "clientId": client_id, "scopes": scopes, "version": version}
    filled = _filled(shell.decode(), f"{ASSETS}{version}", [name for name in files if name.endswith(".js")])
    return Site(files, File.of(filled.encode(), _TYPES[".html"]), version, json.dumps(config).encode(), policy(issuer))


def policy(issuer: str) -> str:
    """The Content-Security-Policy: our own modules and styles, our API, the issuer, and no way to make script of text."""
    at = urlsplit(issuer)
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {at.scheme}://{at.netloc}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _found(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.rglob(pattern) if path.is_file() and path.suffix in _TYPES)


def _version(parts: list[bytes]) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:HASH_DIGITS]


def _filled(shell: str, base: str, modules: list[str]) -> str:
    """The shell with the address of this version, and a hint for each module: the browser asks for all of them at once."""
    hints = "\n".join(f'    <link rel="modulepreload" href="{base}/{name}">' for name in sorted(modules))
    return shell.replace("{{base}}", base).replace("    <!-- modules -->", hints)
