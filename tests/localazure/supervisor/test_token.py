"""`python -m localazure token`: a token and nothing else, from the folder's keys alone."""

import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest

from localazure.issuer import Keyring
from localazure.issuer.keyring import keyring_path

ROOT = Path(__file__).parents[3]


def token(data, *flags):
    command = [sys.executable, "-m", "localazure", "token", "--data", str(data), *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder as the supervisor leaves it: ports, settings, keys."""
    folder = tmp_path_factory.mktemp("token")
    (folder / "ports.json").write_text('{"issuer": 4000}')
    (folder / "settings.json").write_text('{"OIDC_AUDIENCE": "api://runtime-cloud"}')
    Keyring.open(keyring_path(folder), {})
    return folder


@pytest.mark.parametrize("tenant", ["connectsoft", "", "te nänt/|#", '{"a": 1}'])
def test_any_tenant_text_is_taken_as_given(data, tenant):
    done = token(data, "--tenant", tenant, "--scopes", "a b", "--subject", "s", "--client", "c")
    text = done.stdout.removesuffix("\n")
    key = Keyring.read(keyring_path(data)).current.as_pem(private=False)
    claims = jwt.decode(text, key, algorithms=["RS256"], audience="api://runtime-cloud", issuer="http://127.0.0.1:4000")
    assert [claims[name] for name in ("tenantId", "scope", "sub", "client_id")] == [tenant, "a b", "s", "c"]
    assert text.count("\n") == 0


def test_the_lifetime_may_be_negative(data):
    done = token(data, "--tenant", "t", "--scopes", "a", "--ttl", "-300")
    claims = jwt.decode(done.stdout.strip(), options={"verify_signature": False})
    assert claims["exp"] <= time.time() - 299


def test_a_folder_without_a_platform_is_said_in_one_line(tmp_path):
    done = token(tmp_path, "--tenant", "t", "--scopes", "a")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "no platform was started" in done.stderr
