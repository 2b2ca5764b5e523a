"""In which order the components of a release roll: by wave, and within one by what they depend on.

A wave keeps its number, unless dependencies split the one before it into so many that it has to move up. A dependency
must not roll later than what depends on it; one on a service outside the release is a statement about what runs already,
and orders nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from shared.runtime.deployments.model import Component


def ordered(components: Sequence[Component]) -> dict[str, int]:
    """moduleId -> wave. Raises `graphlib.CycleError`."""
    waves: dict[str, int] = {}
    last = -1
    for wave in sorted({component.wave for component in components}):
        inside = {one.module_id: one.depends_on for one in components if one.wave == wave}
        depths = _depths(inside)
        first = max(wave, last + 1)
        waves |= {module: first + depth for module, depth in depths.items()}
        last = max(waves.values())
    return waves


def _depths(depends_on: dict[str, list[str]]) -> dict[str, int]:
    """How many components of the same wave have to roll before each."""
    own = {module: [one for one in needed if one in depends_on] for module, needed in depends_on.items()}
    depths: dict[str, int] = {}
    for module in TopologicalSorter(own).static_order():
        depths[module] = max((depths[one] + 1 for one in own[module]), default=0)
    return depths


def faults(components: Sequence[Component], *, ordered: bool) -> dict[str, list[str]]:
    """What is wrong with the dependencies, by field. `ordered` is False where everything rolls at once."""
    wave_of = {component.module_id: component.wave for component in components}
    errors: dict[str, list[str]] = {}
    for index, component in enumerate(components):
        path = f"components[{index}].dependsOn"
        if component.depends_on and not ordered:
            errors[path] = ["an order needs the strategy RollingHealthGated"]
        elif component.module_id in component.depends_on:
            errors[path] = ["names the component itself"]
        elif any(wave_of.get(one, component.wave) > component.wave for one in component.depends_on):
            errors[path] = ["names a component of a later wave"]
    return errors or _circle(components)


def _circle(components: Sequence[Component]) -> dict[str, list[str]]:
    try:
        list(TopologicalSorter({one.module_id: one.depends_on for one in components}).static_order())
    except CycleError as circle:
        return {"components": [f"depend on each other in a circle: {' → '.join(circle.args[1])}"]}
    return {}
