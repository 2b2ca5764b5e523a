"""The app as the host indexes it: once per process, a second time the SDK takes every function for a duplicate."""

from __future__ import annotations

from typing import Any

import function_app
from shared.http.routes import Route

ROUTES: list[Route] = list(function_app.endpoints.table)
FUNCTIONS = function_app.app.get_functions()


def bindings(function: Any) -> list[dict[str, Any]]:
    return [binding.get_dict_repr() for binding in function.get_bindings()]
