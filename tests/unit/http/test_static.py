"""The operators' page as the app serves it: what may be kept, what is never there, and under which policy."""

from __future__ import annotations

import ast
import gzip
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from blueprints import ui
from shared.http.message import Request
from shared.http.static import FOREVER, READ_SCOPES, WRITE_SCOPES, Site, policy, site
from shared.kernel.errors import MethodNotAllowed, NotFound, Transient
from shared.kernel.settings import BadSettings, PageSettings

ROOT = Path(__file__).resolve().parents[3]
ISSUER = "https://login.example/tenant"
DEEP = ["/ui/", "/ui/e/env-0123456789abcdef", "/ui/docs/errors", "/ui/signin", "/ui/anything/at/all"]


@pytest.fixture(scope="module")
def served() -> Site:
    return site(ROOT, ISSUER, "page")


def asked(path: str, method: str = "GET", **headers: str) -> Request:
    return Request(method, path, (), {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("path", DEEP)
def test_every_deep_link_is_the_shell_and_is_revalidated(served: Site, path: str) -> None:
    answer = served.answer(asked(path))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
    assert answer.headers["Cache-Control"] == "no-cache"
    again = served.answer(asked(path, if_none_match=answer.headers["ETag"]))
    assert (again.status, again.body) == (304, b"")


def test_whatever_the_shell_names_is_there_and_kept_for_ever(served: Site) -> None:
    names = re.findall(r'(?:href|src)="(/ui/a/[^"]+)"', served.answer(asked("/ui/")).body.decode())
    assert len(names) > 30
    for name in names:
        answer = served.answer(asked(name))
        assert (answer.status, answer.headers["Cache-Control"]) == (200, FOREVER), name


def test_every_module_is_preloaded(served: Site) -> None:
    shell = served.answer(asked("/ui/")).body.decode()
    modules = [name for name in served.files if name.endswith(".js")]
    assert [name for name in modules if f'rel="modulepreload" href="/ui/a/{served.version}/{name}"' not in shell] == []
    assert "{{" not in shell


def test_the_shell_has_no_script_or_style_of_its_own(served: Site) -> None:
    shell = served.answer(asked("/ui/")).body.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)", shell) == []
    assert re.findall(r"<style|\bstyle=|\bon[a-z]+=", shell) == []


@pytest.mark.parametrize(
    "path", ["0000000000000000/app.css", "VERSION/../index.html", "VERSION/vendor/VENDOR.json", "VERSION/"]
)
def test_what_is_not_of_this_version_is_a_404_that_nobody_keeps(served: Site, path: str) -> None:
    answer = served.answer(asked("/ui/a/" + path.replace("VERSION", served.version)))
    assert (answer.status, answer.headers["Cache-Control"], answer.body) == (404, "no-store", b"")


def test_bytes_are_zipped_once_for_whoever_takes_them(served: Site) -> None:
    name = f"/ui/a/{served.version}/app.css"
    plain, zipped = served.answer(asked(name)), served.answer(asked(name, accept_encoding="br, gzip"))
    assert gzip.decompress(zipped.body) == plain.body
    assert (zipped.headers["Content-Encoding"], zipped.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert zipped.headers["ETag"] != plain.headers["ETag"]
    assert served.answer(asked(name, accept_encoding="gzip", if_none_match=zipped.headers["ETag"])).status == 304


def test_head_is_get_without_its_body(served: Site) -> None:
    for path in ("/ui/", "/ui/config.json", f"/ui/a/{served.version}/app.css"):
        got, head = served.answer(asked(path)), served.answer(asked(path, "HEAD"))
        assert (head.status, head.headers, head.body) == (200, got.headers, b"")


@pytest.mark.parametrize("path", [*DEEP, "/ui/config.json", "/ui/a/x/y"])
def test_no_answer_goes_without_the_policy(served: Site, path: str) -> None:
    fields = served.answer(asked(path)).headers
    assert fields["Content-Security-Policy"] == policy(ISSUER)
    assert fields["X-Content-Type-Options"] == "nosniff"
    assert fields["Referrer-Policy"] == "no-referrer"
    assert fields["cs-schema-version"] == "1.0"


def test_the_policy_lets_nothing_in_but_our_own_and_the_issuer() -> None:
    rules = dict(rule.split(" ", 1) for rule in policy(ISSUER).split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == "'none'"
    assert (rules["script-src"], rules["style-src"]) == ("'self'", "'self'")
    assert rules["connect-src"] == "'self' https://login.example"
    assert (rules["require-trusted-types-for"], rules["trusted-types"]) == ("'script'", "'none'")
    assert "unsafe" not in policy(ISSUER)


def test_the_configuration_is_never_kept_and_holds_nothing_secret(served: Site) -> None:
    answer = served.answer(asked("/ui/config.json"))
    assert answer.headers["Cache-Control"] == "no-store"
    scopes = {"read": list(READ_SCOPES), "write": list(WRITE_SCOPES)}
    expected = {"issuer": ISSUER, "clientId": "page", "scopes": scopes, "version": served.version}
    assert json.loads(answer.body) == expected


def test_another_byte_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "ui").mkdir()
    (tmp_path / "docs" / "operator").mkdir(parents=True)
    (tmp_path / "ui" / "index.html").write_text("<p>{{base}}</p>")
    (tmp_path / "ui" / "a.js").write_text("1")
    first = site(tmp_path, ISSUER, "page").version
    (tmp_path / "docs" / "operator" / "start.md").write_text("# Start")
    second = site(tmp_path, ISSUER, "page").version
    (tmp_path / "ui" / "a.js").write_text("2")
    assert len({first, second, site(tmp_path, ISSUER, "page").version}) == 3


def settings(**page: Any) -> Any:
    shown = PageSettings(**{"client_id": "page", "enabled": True, **page})
    return lambda: SimpleNamespace(page=shown, identity=SimpleNamespace(issuer=ISSUER))


def test_the_page_is_served_once_it_has_a_client_and_unless_it_is_switched_off() -> None:
    assert ui.answer(asked("/ui/"), settings()).status == 200
    for off in ({"client_id": ""}, {"enabled": False}):
        with pytest.raises(NotFound):
            ui.answer(asked("/ui/"), settings(**off))


def test_nothing_can_be_sent_to_it() -> None:
    with pytest.raises(MethodNotAllowed):
        ui.answer(asked("/ui/", "POST"), settings())


def test_bad_settings_are_a_503_as_everywhere() -> None:
    def bad() -> Any:
        raise BadSettings(["X is missing"])

    with pytest.raises(Transient):
        ui.answer(asked("/ui/"), bad)


def test_the_api_does_not_pay_for_the_page() -> None:
    """Its files are read, and the module that does it is imported, at the first look at the page."""
    tree = ast.parse((ROOT / "blueprints" / "ui.py").read_text(encoding="utf-8"))
    at_import = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert "shared.http.static" not in {node.module for node in at_import}
