"""The Azure Resource Manager stand-in: resources as data, long-running operations, container apps and jobs that really run.

`localazure.arm.app.application` makes it. What it does not emulate answers 501 in ARM's error shape.
"""

from localazure.arm.errors import error

__all__ = ["error"]
