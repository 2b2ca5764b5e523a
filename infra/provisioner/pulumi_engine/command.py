"""Pulumi's command line as a child that can be told to stop.

The first interrupt lets what is under way come to its end, writes it down and frees the lock; a second one ends at once.
The child has a session of its own, so a signal to the provisioner reaches it only through here. When the provisioner is
killed, the engine loses the program it runs, ends what is under way and frees the lock by itself.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Mapping

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error

Said = Callable[[str], object] | None


class Command(PulumiCommand):
    """As the Automation API uses it; `interrupt` may be called from any thread. `environ`: what it starts with."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        self._environ = environ
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Said = None,
        on_error: Said = None,
    ) -> CommandResult:
        """Raises `CommandError` for a status other than 0."""
        command = [self.command, "--non-interactive", *(one for one in args if one != "--non-interactive")]
        process = subprocess.Popen(  # noqa: S603 - our own words
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**self._environ, **additional_env, "PULUMI_AUTOMATION_API": "true"},
            encoding="utf-8",
            start_new_session=True,
        )
        with self._lock:
            self._running.add(process)
        try:
            output, errors = process.communicate()
        finally:
            with self._lock:
                self._running.discard(process)
        _tell(on_output, output)
        _tell(on_error, errors)
        result = CommandResult(stdout=output.rstrip(), stderr=errors.rstrip(), code=process.returncode)
        if process.returncode:
            raise create_command_error(result)
        return result

    def interrupt(self) -> None:
        with self._lock:
            for process in self._running:
                process.send_signal(signal.SIGINT)


def _tell(said: Said, text: str) -> None:
    if said is not None:
        for line in text.splitlines():
            said(line)
