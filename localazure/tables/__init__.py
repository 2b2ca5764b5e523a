"""The way to Table Storage: a reverse proxy before Azurite, where faults strike and traffic is counted.

Bytes pass as they are, in both directions: signatures, batches and bodies of any size are Azurite's business.
"""

from localazure.tables.errors import error, throttled
from localazure.tables.proxy import TablesProxy

__all__ = ["TablesProxy", "error", "throttled"]
