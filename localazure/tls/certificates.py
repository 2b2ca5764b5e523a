"""The local CA, the one leaf certificate of all TLS stand-ins, and the trust bundle that clients get as SSL_CERT_FILE.

The bundle is what the machine trusts (certifi, OpenSSL's default file, an exported SSL_CERT_FILE or REQUESTS_CA_BUNDLE)
plus our CA: children must still reach real hosts where a user points them at some. CA and leaf are made anew when either is
missing, runs out within a week, does not belong to the other, or names other hosts than `NAMES`. The leaf's key has mode
0600; the CA's, which could sign for any name, is forgotten as soon as it has signed the leaf and never written.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
import ssl
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localazure.layout import LOOPBACK, Layout
from localazure.writing import replace, replace_private

NAMES = ("*.vault.azure.net", "management.azure.com", "*.azurecr.io", "*.azurecontainerapps.io", "localhost")
_VALID = dt.timedelta(days=397)  # the longest that all TLS clients take for a leaf
_SPARE = dt.timedelta(days=7)
_SKEW = dt.timedelta(days=1)
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def ensure_certificates(layout: Layout) -> None:
    """Make what is missing or about to expire; write the bundle anew, since the machine's trust may have changed.

    Raises `OSError` when the data folder cannot be written.
    """
    layout.certificate.parent.mkdir(parents=True, exist_ok=True)
    if not _usable(layout):
        _issue(layout)
    replace(layout.ca_bundle, _bundle(layout))


def _usable(layout: Layout) -> bool:
    try:
        ca, leaf = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (layout.ca, layout.certificate))
        key = serialization.load_pem_private_key(layout.certificate_key.read_bytes(), None)
        leaf.verify_directly_issued_by(ca)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    soon = dt.datetime.now(dt.UTC) + _SPARE
    in_time = min(ca.not_valid_after_utc, leaf.not_valid_after_utc) > soon
    return in_time and names == _alternative_names() and key.public_key() == leaf.public_key()


def _issue(layout: Layout) -> None:
    ca_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _authority(ca_key)
    leaf = _leaf(leaf_key, ca, ca_key)
    replace_private(layout.certificate_key, _private(leaf_key))
    replace(layout.certificate, _public(leaf))
    replace(layout.ca, _public(ca))


def _builder(name: str, issuer: x509.Name | None, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now - _SKEW + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Key usage and key identifiers are there because Python 3.13 verifies strictly (VERIFY_X509_STRICT)."""
    return (
        _builder(f"localazure CA {os.urandom(4).hex()}", None, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _leaf(key: ec.EllipticCurvePrivateKey, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return (
        _builder("localazure", ca.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .add_extension(_alternative_names(), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _alternative_names() -> x509.SubjectAlternativeName:
    address = x509.IPAddress(ipaddress.ip_address(LOOPBACK))
    return x509.SubjectAlternativeName([*(x509.DNSName(name) for name in NAMES), address])


def _public(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode()


def _bundle(layout: Layout) -> str:
    """Ours first; certificates that several sources share once; an earlier bundle of this folder is no source."""
    exported = [os.environ.get(name) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]
    sources = [layout.ca, certifi.where(), ssl.get_default_verify_paths().openssl_cafile, *exported]
    paths = dict.fromkeys(Path(source).resolve() for source in sources if source)
    paths.pop(layout.ca_bundle.resolve(), None)
    found = [pem for path in paths if path.is_file() for pem in _PEM.findall(path.read_text(errors="replace"))]
    return "\n".join(dict.fromkeys(found)) + "\n"
