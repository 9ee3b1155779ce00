"""Writes the golden vectors, or compares them with what would be written.

    python protocol/vectors/generate.py            writes protocol/vectors/{accept,reject}/*.json
    python protocol/vectors/generate.py --check    exit status 1, and what differs, unless they are all up to date

Guarantees: the same bytes every time; every vector holds with sealwire as it is; each reason that sealwire raises has
an accepted and a rejected vector. README.md has the format.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[0] = str(HERE.parent)

from sealwire import errors  # noqa: E402
from vectors import replay  # noqa: E402
from vectors.case import ANY, Case  # noqa: E402
from vectors.cases import encoding, envelope, fields, lines, requests, rosters, use  # noqa: E402
from vectors.elsewhere import NOT_OF_THE_WIRE  # noqa: E402

UNENCODABLE = "unencodable"
"""The one rule without a number: what a caller may not ask the encoder for."""

MODULES = (encoding, envelope, fields, rosters, requests, use, lines)


class BadVectorError(Exception):
    """A case that does not hold, a name given twice, or a reason without its two vectors."""


def all_cases() -> Iterator[Case]:
    """Every case of every part."""
    for module in MODULES:
        yield from module.cases()


def vector(case: Case) -> dict[str, Any]:
    """A case with its outcome. Raises BadVectorError when it has another outcome than it says."""
    made = {
        "rule": case.rule,
        "about": case.about,
        "operation": case.operation,
        "input": replay.shown(case.given),
    }
    found = replay.outcome(made)
    if case.refused:
        wanted = {"reason": case.rule}
    else:
        wanted = found if case.ok is ANY else {"ok": replay.shown(case.ok)}
    if found != wanted or ("ok" in found) == case.refused:
        raise BadVectorError(f"{case.name}: expected {wanted}, found {found}"[:400])
    return made | {"expect": found}


def all_files() -> dict[str, str]:
    """Text by path below this folder. Raises BadVectorError."""
    files: dict[str, str] = {}
    rules: dict[str, set[str]] = {"accept": set(), "reject": set()}
    for case in all_cases():
        folder = "reject" if case.refused else "accept"
        name = f"{folder}/{case.name}.json"
        if name in files:
            raise BadVectorError(f"{name} is written twice")
        files[name] = json.dumps(vector(case), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        rules[folder].add(case.rule)
    reasons = set(errors.names().values()) | {UNENCODABLE}
    for folder, covered in rules.items():
        for reason in sorted(reasons - covered - set(NOT_OF_THE_WIRE)):
            raise BadVectorError(f"no {folder} vector for {reason}")
    return files


def differences(files: dict[str, str]) -> list[str]:
    """What is missing, left over or other on the disk."""
    found = {path.relative_to(HERE).as_posix() for folder in ("accept", "reject") for path in HERE.glob(f"{folder}/*")}
    lines = [f"left over: {name}" for name in sorted(found - set(files))]
    for name, text in files.items():
        if name not in found:
            lines.append(f"missing: {name}")
        elif (HERE / name).read_text(encoding="utf-8") != text:
            lines.append(f"differs: {name}")
    return lines


def write(files: dict[str, str]) -> int:
    """Makes the disk as the files are; how many of them it changed."""
    changes = differences(files)
    for line in changes:
        kind, name = line.split(": ")
        path = HERE / name
        if kind == "left over":
            path.unlink()
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(files[name], encoding="utf-8")
    return len(changes)


def main() -> int:
    """Exit status 0 if everything holds."""
    parser = argparse.ArgumentParser(description="Writes the golden vectors.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when they are not up to date")
    check = parser.parse_args().check
    try:
        files = all_files()
    except BadVectorError as error:
        print(error, file=sys.stderr)
        return 1
    if not check:
        print(f"{len(files)} vectors, {write(files)} changed")
        return 0
    lines = differences(files)
    print("\n".join(lines) if lines else f"{len(files)} vectors are up to date")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
