"""The command line: `up` runs the platform, `kubernetes` a real Kubernetes alone, `token` mints a bearer token for it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from localazure.layout import REAL, STAND_IN, Layout

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_DATA = ROOT / ".local"
Announce = Callable[[Layout, Mapping[str, Any]], None]


def main(arguments: Sequence[str] | None = None, ready: Announce | None = None) -> int:
    """Run one command; answers the exit code. `ready` announces a platform that serves in the place of the Ready line."""
    options = _parser().parse_args(arguments)
    options.ready = ready
    code: int = options.run(options)
    return code


def mint(data: Path, tenant: str, scopes: str, subject: str, client: str, ttl: int) -> str:
    """A token of the folder's own issuer, made from its keys alone. Raises `FileNotFoundError` on a folder never used."""
    from localazure.issuer import Issuer, Keyring, TokenRequest
    from localazure.issuer.keyring import keyring_path
    from localazure.issuer.tokens import grant

    layout = Layout(data)
    issuer = Issuer(layout.url("issuer"), layout.settings["OIDC_AUDIENCE"], Keyring.read(keyring_path(data)))
    return issuer.issue(TokenRequest(claims=grant(tenant, scopes, subject, client, ttl)))


def _up(options: argparse.Namespace) -> int:
    from localazure.supervisor import Options, Trouble, up
    from localazure.supervisor.run import announce

    data, port, reset = options.data.resolve(), options.port, options.reset
    wanted = Options(data, ROOT, port, reset, options.quick, options.kubernetes, options.telemetry)
    try:
        up(wanted, ready=options.ready or announce)
    except Trouble as trouble:
        _complain(str(trouble))
        return 1
    return 0


def _kubernetes(options: argparse.Namespace) -> int:
    from localazure.supervisor import Options, Trouble, up
    from localazure.supervisor.run import announce
    from localazure.supervisor.table import kubernetes_alone

    def ready(layout: Layout, serving: Mapping[str, Any]) -> None:
        announce(layout, {"kubernetes": serving["kubernetes"], "kubeconfig": str(layout.kubeconfig)})

    wanted = Options(options.data.resolve(), ROOT, 0, options.reset, quick=False, kubernetes=REAL)
    try:
        up(wanted, ready=ready, compose=kubernetes_alone)
    except Trouble as trouble:
        _complain(str(trouble))
        return 1
    return 0


def _token(options: argparse.Namespace) -> int:
    try:
        token = mint(options.data.resolve(), options.tenant, options.scopes, options.subject, options.client, options.ttl)
    except FileNotFoundError:
        _complain(f"no platform was started on {options.data}: run `python -m localazure up --data {options.data}`")
        return 1
    sys.stdout.write(token + "\n")
    return 0


def _complain(text: str) -> None:
    sys.stderr.write(f"localazure: {text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localazure", description="The local Azure of the Runtime & Cloud Platform.")
    commands = parser.add_subparsers(required=True)
    up = commands.add_parser("up", help="run the platform until Ctrl-C")
    up.add_argument("--port", type=_port, default=7071, help="of the API; 0 takes a free one (default 7071)")
    up.add_argument("--data", type=Path, default=DEFAULT_DATA, help="data folder (default .local)")
    up.add_argument("--reset", action="store_true", help="empty the data folder first")
    up.add_argument("--quick", action="store_true", help="short gates, sweeps and locks")
    up.add_argument("--kubernetes", choices=[STAND_IN, REAL], default=STAND_IN, help="real: what `make tools` has built")
    up.add_argument("--telemetry", action="store_true", help="the app tells spans, metrics and lines to the control API")
    up.set_defaults(run=_up)
    kubernetes = commands.add_parser("kubernetes", help="run a real Kubernetes alone until Ctrl-C")
    kubernetes.add_argument("--data", type=Path, default=DEFAULT_DATA, help="data folder (default .local)")
    kubernetes.add_argument("--reset", action="store_true", help="empty the data folder first")
    kubernetes.set_defaults(run=_kubernetes)
    token = commands.add_parser("token", help="print a bearer token")
    token.add_argument("--tenant", required=True)
    token.add_argument("--scopes", required=True, help="separated by spaces")
    token.add_argument("--subject", default="local-operator")
    token.add_argument("--client", default="local-client")
    token.add_argument("--ttl", type=int, default=3600, help="seconds; negative for a token that has ended")
    token.add_argument("--data", type=Path, default=DEFAULT_DATA)
    token.set_defaults(run=_token)
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return port
