"""Calls of the backend's gRPC servicer without a socket."""

from __future__ import annotations

from typing import Any, NoReturn


class Aborted(Exception):
    """The backend refused a call; `code` is the name of its gRPC status."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code = code


class InProcess:
    """Stands in for `grpc.ServicerContext`."""

    def is_active(self) -> bool:
        return True

    def time_remaining(self) -> None:
        return None

    def abort(self, code: Any, details: str) -> NoReturn:
        raise Aborted(code.name, details)


CALL: Any = InProcess()
