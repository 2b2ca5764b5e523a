"""`python -m infra.platform.package FILE`: the app as Azure gets it, a zip of what `.funcignore` leaves over.

One file differs from the repository's: host.json names the Durable Task Scheduler. The scale controller reads that file
itself, so an app setting that overrides it would let the host run on the scheduler while nothing scales by it; and the
repository's own stays without it, because what runs it on one machine has no scheduler (docs/adr/0014).
"""

from __future__ import annotations

import fnmatch
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# "azureManaged" is what Microsoft's samples for Python name the scheduler; newer texts also say "durabletask-scheduler".
PROVIDER = {"type": "azureManaged", "connectionStringName": "DURABLE_TASK_SCHEDULER_CONNECTION_STRING"}


def host_json(local: dict[str, Any]) -> dict[str, Any]:
    """The repository's host.json with Azure's storage provider."""
    extensions = local["extensions"]
    durable = {**extensions["durableTask"], "storageProvider": PROVIDER}
    return {**local, "extensions": {**extensions, "durableTask": durable}}


def ignored(path: str, patterns: list[str]) -> bool:
    """Whether a file goes without: a pattern is a name or a path from the root, and a folder's covers all below it.

    As in git, the last pattern that fits decides, and one that begins with `!` takes back.
    """
    parts = path.split("/")
    above = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    fits = [pattern for pattern in patterns if _fits(above, pattern.removeprefix("!"))]
    return bool(fits) and not fits[-1].startswith("!")


def _fits(above: list[str], pattern: str) -> bool:
    return any(
        fnmatch.fnmatch(candidate, pattern) or fnmatch.fnmatch(candidate.rpartition("/")[2], pattern) for candidate in above
    )


def files(root: Path) -> Iterator[str]:
    """What goes into the package, as paths from `root`, sorted."""
    lines = (root / ".funcignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.strip().rstrip("/") for line in lines if line.strip() and not line.startswith("#")]
    stack = [root]
    while stack:
        for path in sorted(stack.pop().iterdir(), reverse=True):
            name = path.relative_to(root).as_posix()
            if ignored(name, patterns) or path.is_symlink():
                continue
            if path.is_dir():
                stack.append(path)
            else:
                yield name


def pack(root: Path, target: Path) -> list[str]:
    """Write the package and give the names in it."""
    names = sorted(files(root))
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            content = (root / name).read_bytes()
            if name == "host.json":
                content = json.dumps(host_json(json.loads(content)), indent=2).encode()
            archive.writestr(name, content)
    return names


def main() -> int:
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m infra.platform.package FILE\n")
        return 2
    names = pack(ROOT, Path(sys.argv[1]))
    sys.stdout.write(f"{sys.argv[1]}: {len(names)} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
