"""Writes definitions.json: the tables of sealwire for implementations in other languages, or compares it.

    python protocol/definitions.py            writes protocol/definitions.json
    python protocol/definitions.py --check    exit status 1 unless it is up to date

So a message's fields, a reason's number and a cap are written down once, here in `sealwire`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[0] = str(HERE)

from sealwire import chain, errors, limits, messages  # noqa: E402
from sealwire.schema import Field  # noqa: E402

FILE = HERE / "definitions.json"
KINDS = ("uint", "bytes", "text", "list", "map", "row")
"""What a field holds; `map` is a record with keys, `row` one as an array."""


def field(one: Field) -> dict[str, Any]:
    """A field; `of` is the field of a list's items or the fields of a map or row, `without` the bits not to be set."""
    kind = KINDS[one.kind]
    made: dict[str, Any] = {"number": one.number, "name": one.name, "kind": kind, "low": one.low, "high": one.high}
    if not one.required:
        made["optional"] = True
    if kind == "list":
        made["of"] = field(one.of)
    elif kind in ("map", "row"):
        made["of"] = [field(inner) for inner in one.of()]
    elif one.of:
        made["without"] = one.of
    return made


def tables() -> dict[str, Any]:
    """All tables."""
    items = {messages.ENTRIES: "entries", messages.ASK: "ask", messages.PROVISION: "provision", messages.HELLO: "hello"}
    return {
        "limits": {name: value for name, value in vars(limits).items() if name.isupper()},
        "reasons": errors.names(),
        "messages": {
            number: {
                "name": name,
                "personal": number in messages.PERSONAL,
                "fields": [field(one) for one in messages.fields_of(number)],
            }
            for number, name in messages.names().items()
        },
        "items": {
            number: {"name": name, "fields": [field(one) for one in messages.item_fields(number)]}
            for number, name in items.items()
        },
        "entries": {
            number: {"name": name, "fields": [field(one) for one in chain.fields_of(number)]}
            for number, name in chain.names().items()
        },
        "causes": chain.CAUSES,
    }


def main() -> int:
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    text = json.dumps(tables(), indent=1) + "\n"
    if not check:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        print("protocol/definitions.json is not up to date: run `make vectors`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
