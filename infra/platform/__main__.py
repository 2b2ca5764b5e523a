"""`pulumi up -C infra/platform --stack <stage>`; docs/deploy.md has the whole of it, `described.py` the configuration."""

from __future__ import annotations

import pulumi

from infra.platform.described import described
from infra.platform.program import Platform


def main() -> None:
    for name, value in Platform(described()).told.items():
        pulumi.export(name, value)


main()
