import pytest

from localazure.issuer import ALL_SCOPES, Client, Issuer, Keyring

URL = "http://127.0.0.1:4000"


@pytest.fixture(scope="session")
def keyring_file(tmp_path_factory):
    """One file with fresh keys: drawing RSA keys is what takes the time here."""
    path = tmp_path_factory.mktemp("issuer") / "issuer.json"
    Keyring.open(path, {"runtime-client": Client("s3cret", "connectsoft", ALL_SCOPES)})
    return path


@pytest.fixture
def issuer(keyring_file, tmp_path):
    copy = tmp_path / "issuer.json"
    copy.write_bytes(keyring_file.read_bytes())
    return Issuer(URL, "api://runtime-cloud", Keyring.read(copy))
