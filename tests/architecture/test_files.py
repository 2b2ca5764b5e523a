"""What is committed works on any machine: no paths of one, no host of a registry."""

from __future__ import annotations

import re

from tests.architecture.repository import files, name

SLASH = "/"  # in pieces, or this file would find itself
MACHINE = re.compile(
    "|".join(
        (
            rf"(?<![\w.~-]){SLASH}(?:home|Users){SLASH}[a-z][\w.-]*{SLASH}",
            rf"(?<![\w.~{{}}-]){SLASH}root{SLASH}[\w.]",
            rf"(?<![\w.~:{{}}-]){SLASH}work{SLASH}(?:main|shared|issues|\.library|\.mirror)\b",
            r"[A-Z]:\\{1,2}Users\\",
        )
    )
)
REGISTRIES = re.compile(
    "|".join(
        re.escape(host)
        for host in (
            "files.pythonhosted" + ".org",
            "pypi" + ".org",
            "registry.npmjs" + ".org",
            "registry.yarnpkg" + ".com",
            "proxy.golang" + ".org",
            "index.docker" + ".io",
        )
    )
)
INDEX_OPTION = re.compile(r"^\s*--(?:extra-)?(?:index-url|find-links)\b", re.MULTILINE)
BIGGEST = 5_000_000


def texts() -> dict[str, str]:
    read: dict[str, str] = {}
    for path in files():
        raw = path.read_bytes()
        if b"\0" not in raw[:8000] and len(raw) < BIGGEST:
            read[name(path)] = raw.decode("utf-8")
    return read


def found(pattern: re.Pattern[str]) -> list[str]:
    return [f"{file}: {hit[0]}" for file, text in texts().items() for hit in pattern.finditer(text)]


def test_no_text_holds_a_path_of_some_machine() -> None:
    assert found(MACHINE) == []


def test_no_text_holds_the_host_of_a_package_registry() -> None:
    assert found(REGISTRIES) == []
    assert found(INDEX_OPTION) == []


def test_lock_files_resolve_to_names_and_hashes_alone() -> None:
    locks = {file: text for file, text in texts().items() if file.endswith("package-lock.json")}
    assert [file for file, text in locks.items() if '"resolved"' in text] == []
