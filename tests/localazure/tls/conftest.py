"""A data folder with certificates, and TLS servers behind the proxy."""

from __future__ import annotations

import pytest

from localazure.layout import Layout
from localazure.tls import ensure_certificates


@pytest.fixture
def layout(tmp_path, monkeypatch):
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    prepared = Layout(tmp_path)
    ensure_certificates(prepared)
    return prepared
