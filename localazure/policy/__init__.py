"""The governance policy point: the shipped Rego behind Open Policy Agent's data API.

In production a real OPA (or the Governance, Security & Compliance Platform) answers the same question in the same shape.
"""

from localazure.policy.endpoints import DECISION_PATH, application, error
from localazure.policy.engine import Decision, Policy
from localazure.policy.override import Override, Overrides

__all__ = ["DECISION_PATH", "Decision", "Override", "Overrides", "Policy", "application", "error"]
