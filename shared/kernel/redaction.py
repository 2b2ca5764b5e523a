"""What a secret looks like, and texts without any: of lines, spans and tracebacks, whoever wrote them.

Two nets. Shapes catch secrets of others: keys, tokens and passwords have one. The process's own secrets are known by value
(`know`), whatever they look like. Both err on the side of hiding too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

SHAPES = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?-----END [A-Z ]*PRIVATE KEY-----|.*)", re.S),
    re.compile(
        r"(?i)\b(AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd|client_?secret|api_?key)\s*=\s*[^;,&\s\"']*"
    ),
    re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{12,}"),  # an Authorization header
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]*"),  # a JWT
    re.compile(r"[?&]sig=[A-Za-z0-9%/+]{20,}"),  # a shared access signature
    re.compile(r"://[^/\s:@]*:[^/\s@]+@"),  # user:password in a URL, or a password alone
    re.compile(r"\b(gh[opsur]_|github_pat_|xox[abp]-|sk_live_|AKIA)[A-Za-z0-9_-]{12,}"),
)
HIDDEN = "[redacted]"
SHORTEST = 8  # characters of a known secret: hiding every "dev" would hide the text
_known: set[str] = set()


def know(secrets: Iterable[str]) -> None:
    """Hide these values from now on, for as long as the process lives."""
    _known.update(secret for secret in secrets if len(secret) >= SHORTEST)


def redacted(text: str) -> str:
    """The text, with `HIDDEN` for everything that is or looks like a secret."""
    for secret in _known:
        text = text.replace(secret, HIDDEN)
    for shape in SHAPES:
        text = shape.sub(HIDDEN, text)
    return text
