"""The managed identity of the local Azure: its endpoint, and the check of its tokens for the other stand-ins.

Not emulated: several identities with rights of their own, role assignments: a token opens whatever its audience names.
"""

from localazure.identity.endpoint import application, error
from localazure.identity.tokens import Token, Tokens

__all__ = ["Token", "Tokens", "application", "error"]
