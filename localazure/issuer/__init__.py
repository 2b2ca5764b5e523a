"""The local OpenID Connect issuer: discovery, keys, client credentials, people who sign in, and tokens that are wrong on
request.

Stands where the factory's authorization server (OpenIddict) stands in production. Keys live in one file of the data
folder, so that tokens outlive restarts and `python -m localazure token` needs no running platform.
"""

from localazure.issuer.endpoints import application, error
from localazure.issuer.keyring import Client, Keyring
from localazure.issuer.people import PAGE_CLIENT
from localazure.issuer.tokens import ALL_SCOPES, Issuer, TokenRequest

__all__ = ["ALL_SCOPES", "PAGE_CLIENT", "Client", "Issuer", "Keyring", "TokenRequest", "application", "error"]
