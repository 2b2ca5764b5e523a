"""`python -m tools.vendor_ui`: fetch anew what the operators' page has of other people's work, and record what it is.

`ui/vendor/VENDOR.json` is the list: package, exact version, npm's integrity of the whole package, the file that is taken
and the file it becomes, our hash of that, its licence. npm packs the package; its integrity must be the recorded one. Two
things are changed in a file, and nothing else: a bare import of `preact` becomes a relative one (an import map would be
an inline script, which the page's policy forbids), and the pointer to a source map that is not shipped goes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "ui" / "vendor"
LIST = VENDOR / "VENDOR.json"
BARE = re.compile(r"""from\s*["']preact["']""")
SOURCE_MAP = re.compile(r"\n?//# sourceMappingURL=\S+\s*\Z")


def main() -> int:
    entries: list[dict[str, Any]] = json.loads(LIST.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        for entry in entries:
            archive = packed(entry, Path(folder))
            text = adapted(member(archive, entry["source"]))
            (VENDOR / entry["file"]).write_text(text, encoding="utf-8")
            (VENDOR / entry["licenceFile"]).write_text(member(archive, entry["licenceSource"]), encoding="utf-8")
            entry["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    LIST.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(entries)} files in {VENDOR.relative_to(ROOT)}\n")
    return 0


def packed(entry: dict[str, Any], folder: Path) -> Path:
    """The package as npm gives it, once its integrity is the recorded one."""
    named = f"{entry['name']}@{entry['version']}"
    command = ["npm", "pack", named, "--json", "--pack-destination", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - names of our own list
    archive = folder / json.loads(done.stdout)[0]["filename"]
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if integrity != entry["integrity"]:
        sys.exit(f"{named} is not what was recorded: {integrity}")
    return archive


def member(archive: Path, name: str) -> str:
    with tarfile.open(archive) as package:
        found = package.extractfile(f"package/{name}")
        if found is None:
            sys.exit(f"{archive.name} has no {name}")
        return found.read().decode()


def adapted(text: str) -> str:
    return SOURCE_MAP.sub("\n", BARE.sub('from"./preact.js"', text))


if __name__ == "__main__":
    sys.exit(main())
