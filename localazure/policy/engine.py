"""The shipped Rego, evaluated in process by rego-cpp (regopy).

Invariants: one interpreter per thread, since rego-cpp promises nothing about sharing one; an evaluation that yields
no decision raises, it never reads as an allow. Costs about 0.2 ms: it may run on the event loop.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regopy import Interpreter, RegoError

REGO = Path(__file__).parent / "rego" / "governance.rego"
QUERY = "decision := data.runtime.governance.decision"


@dataclass(frozen=True)
class Decision:
    """What OPA returns as `result`: every reason of a denial, and what an allowance obliges to."""

    allow: bool
    reasons: tuple[str, ...] = ()
    obligations: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {"allow": self.allow, "reasons": list(self.reasons), "obligations": dict(self.obligations)}


class Undecided(Exception):
    """The rules gave no decision for this input: to be answered as a failure, never as an allow."""


class Policy:
    """The rules of one Rego module that defines `data.runtime.governance.decision`."""

    def __init__(self, source: str | None = None) -> None:
        self._source = REGO.read_text() if source is None else source
        self._local = threading.local()

    def decide(self, question: Any) -> Decision:
        """Evaluate the rules with `question` as `input`. Raises `Undecided`."""
        interpreter, bundle = self._engine()
        try:
            interpreter.set_input(question)
            output = json.loads(str(interpreter.query_bundle(bundle)))
            decision = output["bindings"]["decision"]
            return Decision(decision["allow"] is True, tuple(decision["reasons"]), decision["obligations"])
        except (RegoError, ValueError, KeyError, TypeError) as failure:
            raise Undecided(str(failure)) from failure

    def _engine(self) -> tuple[Any, Any]:
        if not hasattr(self._local, "engine"):
            interpreter = Interpreter()
            interpreter.add_module("governance", self._source)
            self._local.engine = interpreter, interpreter.build(QUERY, [])
        engine: tuple[Any, Any] = self._local.engine
        return engine
