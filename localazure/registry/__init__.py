"""The container registry stand-in: Docker registry v2 as far as a tag is resolved to its digest, with Entra's exchange.

`localazure.registry.endpoints.application` makes it. What it does not emulate answers 501 in the registry's error shape.
"""

from localazure.registry.endpoints import application, error

__all__ = ["application", "error"]
