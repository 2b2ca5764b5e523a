"""The local CA: whom it vouches for, and when it starts anew."""

from __future__ import annotations

import datetime as dt
import ssl
import stat
from pathlib import Path

import certifi
import pytest

from localazure.tls import certificates, ensure_certificates


def handshake(layout, host, *, strict=True):
    """A handshake in memory, verified by a client that trusts the bundle only."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(layout.certificate, layout.certificate_key)
    client_side = ssl.create_default_context(cafile=layout.ca_bundle)
    if strict:
        client_side.verify_flags |= ssl.VERIFY_X509_STRICT  # Python 3.13's default
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server, server_hostname=host)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(6):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.version()


@pytest.mark.parametrize(
    "host",
    [
        "booking-kv.vault.azure.net",
        "management.azure.com",
        "acr.azurecr.io",
        "app.azurecontainerapps.io",
        "localhost",
        "127.0.0.1",
    ],
)
def test_a_strict_client_takes_the_leaf_for_every_stand_in(layout, host):
    assert handshake(layout, host) == "TLSv1.3"


@pytest.mark.parametrize("host", ["vault.azure.net", "a.b.vault.azure.net", "login.microsoftonline.com", "example.com"])
def test_no_other_host_is_vouched_for(layout, host):
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(layout, host)


def test_the_machines_trust_stays_in_the_bundle(layout, tmp_path, monkeypatch):
    corporate = tmp_path / "corporate.pem"
    corporate.write_text(layout.ca.read_text())
    layout.ca.unlink()
    monkeypatch.setenv("SSL_CERT_FILE", str(corporate))
    ensure_certificates(layout)
    bundle = layout.ca_bundle.read_text()
    assert corporate.read_text().strip() in bundle
    assert layout.ca.read_text().strip() in bundle
    trusted = certificates._PEM.findall(Path(certifi.where()).read_text())
    assert len(trusted) >= 100
    assert set(trusted) <= set(certificates._PEM.findall(bundle))


def test_an_own_bundle_that_is_exported_does_not_feed_itself(layout, monkeypatch):
    first = layout.ca_bundle.read_text()
    monkeypatch.setenv("SSL_CERT_FILE", str(layout.ca_bundle))
    ensure_certificates(layout)
    assert layout.ca_bundle.read_text() == first
    layout.ca.unlink()
    ensure_certificates(layout)
    assert len(certificates._PEM.findall(layout.ca_bundle.read_text())) == len(certificates._PEM.findall(first))


def test_keys_are_private_and_the_cas_is_not_kept(layout, tmp_path):
    assert stat.S_IMODE(layout.certificate_key.stat().st_mode) == 0o600
    keys = [path for path in tmp_path.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert keys == [layout.certificate_key]


def test_good_certificates_are_kept(layout):
    before = layout.certificate.read_bytes()
    ensure_certificates(layout)
    assert layout.certificate.read_bytes() == before


@pytest.mark.parametrize("damage", ["missing", "foreign-ca", "foreign-key", "garbage"])
def test_what_does_not_fit_together_is_made_anew(layout, tmp_path, damage):
    from localazure.layout import Layout

    (tmp_path / "other").mkdir()
    other = Layout(tmp_path / "other")
    ensure_certificates(other)
    before = layout.certificate.read_bytes()
    match damage:
        case "missing":
            layout.certificate_key.unlink()
        case "foreign-ca":
            layout.ca.write_bytes(other.ca.read_bytes())
        case "foreign-key":
            layout.certificate_key.write_bytes(other.certificate_key.read_bytes())
        case "garbage":
            layout.ca.write_text("-----BEGIN CERTIFICATE-----")
    ensure_certificates(layout)
    assert layout.certificate.read_bytes() != before
    assert handshake(layout, "localhost") == "TLSv1.3"


def test_a_certificate_that_ends_within_a_week_is_replaced(layout, monkeypatch):
    monkeypatch.setattr(certificates, "_VALID", dt.timedelta(days=7, hours=23))
    layout.ca.unlink()
    ensure_certificates(layout)
    ending = layout.certificate.read_bytes()
    monkeypatch.undo()
    ensure_certificates(layout)
    assert layout.certificate.read_bytes() != ending
