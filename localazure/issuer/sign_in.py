"""The browser's way in: `/connect/authorize` with a picker of people, `/connect/logout` (OpenID Connect Core §3.1.2).

Code and PKCE alone. What is wrong with the client or the address is said on a page, because nothing may be sent there; all
else goes back to the client as an OAuth error. `prompt=none` never shows the picker; `prompt=login` always does. Answers
carry `iss` (RFC 9207).
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from localazure.issuer.grants import Grant, Grants
from localazure.issuer.people import PAGE_CLIENT, PEOPLE, Person, is_page

COOKIE = "localazure_session"
SEE_OTHER = 303
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 34rem; margin: 4rem auto; padding: 0 1rem; }
form { margin: .75rem 0; }
button { width: 100%; min-height: 4rem; padding: .75rem 1rem; font: inherit; text-align: start; cursor: pointer; }
"""


@dataclass(frozen=True)
class SignIn:
    """The two routes, for an issuer's address."""

    issuer: str
    grants: Grants

    async def authorize(self, request: Request) -> Response:
        """GET asks; POST is the picker's answer: the same question and who it is."""
        asked = dict(request.query_params)
        if fault := _unanswerable(asked):
            return _page("This sign-in cannot go on", f"<p>{html.escape(fault)}</p>", 400)
        if error := _refusal(asked):
            return self._back(asked, {"error": error})
        if request.method == "POST":
            return self._chosen(asked, _field(await request.body(), "person"))
        known = self.grants.signed_in(request.cookies.get(COOKIE, ""))
        if known is not None and asked.get("prompt") != "login":
            return self._granted(asked, known)
        return self._back(asked, {"error": "login_required"}) if asked.get("prompt") == "none" else _picker(asked)

    def _chosen(self, asked: Mapping[str, str], key: str) -> Response:
        person = PEOPLE.get(key)
        if person is None:
            return _page("Nobody of that name", "<p>Go back and choose one of those who are there.</p>", 400)
        return self._granted(asked, person, self.grants.sign_in(person))

    async def logout(self, request: Request) -> Response:
        self.grants.sign_out(request.cookies.get(COOKIE, ""))
        to = request.query_params.get("post_logout_redirect_uri", "")
        answer: Response = _page("Signed out", "<p>You can close this page.</p>", 200)
        if is_page(to):
            answer = RedirectResponse(to, SEE_OTHER, {"Cache-Control": "no-store"})
        answer.delete_cookie(COOKIE)
        return answer

    def _granted(self, asked: Mapping[str, str], person: Person, session: str | None = None) -> Response:
        """Of what was asked for, what the person has: as every issuer, it may grant less (RFC 6749 §3.3)."""
        scope = " ".join(one for one in asked.get("scope", "").split() if one in (*person.scopes, "openid", "profile"))
        grant = Grant(person, asked["client_id"], scope, asked.get("nonce"))
        answer = self._back(asked, {"code": self.grants.code(grant, asked["redirect_uri"], asked["code_challenge"])})
        if session is not None:
            answer.set_cookie(COOKIE, session, httponly=True, samesite="lax")
        return answer

    def _back(self, asked: Mapping[str, str], said: Mapping[str, str]) -> Response:
        fields = {**said, "state": asked.get("state", ""), "iss": self.issuer}
        query = urlencode({name: value for name, value in fields.items() if value})
        joint = "&" if urlsplit(asked["redirect_uri"]).query else "?"
        return RedirectResponse(asked["redirect_uri"] + joint + query, SEE_OTHER, {"Cache-Control": "no-store"})


def _unanswerable(asked: Mapping[str, str]) -> str | None:
    """Why nothing can be sent back; None when it can."""
    if asked.get("client_id") != PAGE_CLIENT:
        return "The client is not known here."
    if not is_page(asked.get("redirect_uri", "")):
        return "The address to go back to is not one of the client's."
    return None


def _refusal(asked: Mapping[str, str]) -> str | None:
    """The OAuth error that the question earns; None for a good one."""
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256":
        return "invalid_request"
    return None if asked.get("scope", "").strip() else "invalid_scope"


def _field(body: bytes, name: str) -> str:
    pairs = (part.partition("=") for part in body.decode("ascii", "replace").split("&"))
    return next((value for key, _, value in pairs if key == name), "")


def _picker(asked: Mapping[str, str]) -> Response:
    action = html.escape(f"?{urlencode(asked)}", quote=True)
    buttons = "".join(
        f'<form method="post" action="{action}"><button name="person" value="{person.key}">'
        f"<strong>{person.name}</strong> ({person.key}, tenant {person.tenant_id})<br>{person.told}</button></form>"
        for person in PEOPLE.values()
    )
    return _page("Who are you?", f"<p>The local issuer believes whatever you choose.</p>{buttons}", 200)


def _page(title: str, body: str, status: int) -> HTMLResponse:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    document = f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head>'
    return HTMLResponse(f"{document}<body><main><h1>{title}</h1>{body}</main></body></html>", status, _PAGE_HEADERS)
