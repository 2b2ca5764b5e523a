"""One process that starts the children of a local Azure, keeps them alive, and ends them all."""

from localazure.supervisor.run import Options, up
from localazure.supervisor.trouble import Trouble

__all__ = ["Options", "Trouble", "up"]
