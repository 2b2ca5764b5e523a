"""What a binding's status may become."""

from __future__ import annotations

from enum import StrEnum

from shared.kernel.matrix import Matrix


class BindingStatus(StrEnum):
    BOUND = "Bound"
    ROTATING = "Rotating"


class Transition(StrEnum):
    BIND = "bind"
    ROTATE = "rotate"
    END = "end"  # of its rotation, however it ended


TRANSITIONS: Matrix[Transition, BindingStatus] = Matrix(
    {
        (Transition.BIND, None): frozenset({BindingStatus.BOUND}),
        (Transition.ROTATE, BindingStatus.BOUND): frozenset({BindingStatus.ROTATING}),
        # More of its secrets take part in the rotation that it is in.
        (Transition.ROTATE, BindingStatus.ROTATING): frozenset({BindingStatus.ROTATING}),
        (Transition.END, BindingStatus.ROTATING): frozenset({BindingStatus.BOUND}),
    }
)
