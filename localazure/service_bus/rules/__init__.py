"""Filters of subscription rules: SQL expressions and correlations, each a predicate over a message.

A rule is written when the broker's entities are; there is no way to change it while the broker runs. Actions of rules
(`SET …`) are not emulated. Source: learn.microsoft.com, "Topic filters and actions" and "Subscription rule SQL filter
syntax".
"""

from localazure.service_bus.rules.correlation import CorrelationFilter
from localazure.service_bus.rules.sql import SqlFilter

__all__ = ["CorrelationFilter", "SqlFilter"]
