"""The control API: what a test or a person does to the local Azure from outside, and what it sees there.

Behaviour of workloads, changes behind the platform's back, faults of dependencies, policy decisions, tokens, secrets.
"""

from localazure.control.endpoints import Controlled, application
from localazure.control.faults import Faults, Mode
from localazure.control.telemetry import Collector
from localazure.control.traffic import Traffic

__all__ = ["Collector", "Controlled", "Faults", "Mode", "Traffic", "application"]
