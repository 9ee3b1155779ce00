"""The import lines hold in this checkout, and would be seen to be crossed."""

from pathlib import Path

import pytest

from tests.architecture.import_lines import LINES, ROOMS, WIRING, crossings, source_modules
from tests.vms import ROOT

NOT_ROOMS = {"build", "node_modules", "data"}


def write(root: Path, name: str, source: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")


def crossed(root: Path) -> list[str]:
    return [f"{crossing.path.relative_to(root)} {crossing.imported}" for crossing in crossings(root)]


def test_no_import_line_is_crossed():
    assert [str(crossing) for crossing in crossings(ROOT)] == []


def test_top_level_folders_are_the_fixed_ones():
    present = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert set(ROOMS) - present == set(), "a room is missing or misspelled"
    strays = {name for name in present - set(ROOMS) - NOT_ROOMS if any((ROOT / name).rglob("*.py"))}
    assert strays == set(), "code lies outside the rooms, where no import line holds"


def test_every_module_of_the_host_is_bound_by_a_line_of_its_own():
    general = next(line for line in LINES if line.never == WIRING)
    homeless = [
        module
        for _, module in source_modules(ROOT)
        if module.startswith("sealhost") and general.binds(module)
        if not any(line.binds(module) for line in LINES if line.only is not None)
    ]
    assert homeless == [], "add a line to tests/architecture/import_lines.py that says what this room may import"


@pytest.mark.parametrize(
    ("name", "source", "imported"),
    [
        ("protocol/sealwire/cbor.py", "import json", "json"),
        ("protocol/sealwire/cose.py", "def f():\n    import os", "os"),
        ("protocol/sealwire/chain.py", "from micropython import const", "micropython.const"),
        ("protocol/sealwire/rules.py", "json = __import__('json')", "__import__"),
        ("protocol/sealwire/topics.py", "if MYPY:\n    from cryptography import x509", "cryptography.x509"),
        ("protocol/vectors/generate.py", "import sealhost.core", "sealhost.core"),
        ("firmware/sealbox/states.py", "import time", "time"),
        ("firmware/sealbox/states.py", "from . import clock", "sealbox.clock"),
        ("firmware/sealbox/box.py", "from machine import Pin", "machine.Pin"),
        ("firmware/sealbox/mqtt.py", "try:\n    import network\nexcept ImportError:\n    network = None", "network"),
        ("firmware/main.py", "import esp32", "esp32"),
        ("firmware/sealbox/gate.py", "from sealhost.core import rules", "sealhost.core.rules"),
        ("firmware/sealbox/board/sim.py", "import hardware.sim", "hardware.sim"),
        ("hardware/sim/box.py", "from sealbox import states", "sealbox.states"),
        ("hardware/sim/box.py", "import sealhost", "sealhost"),
        ("host/sealhost/core/ledger.py", "import sqlalchemy", "sqlalchemy"),
        ("host/sealhost/core/ledger.py", "from ..store import models", "sealhost.store.models"),
        ("host/sealhost/store/models.py", "import sealhost.services", "sealhost.services"),
        ("host/sealhost/services/grants.py", "from sealhost.links import mqtt", "sealhost.links.mqtt"),
        ("host/sealhost/services/grants.py", "from sealhost.links.mqtt import Link", "sealhost.links.mqtt.Link"),
        ("host/sealhost/services/grants.py", "import paho.mqtt.client", "paho.mqtt.client"),
        ("host/sealhost/services/grants.py", "from sealhost.web import api", "sealhost.web.api"),
        ("host/sealhost/links/mqtt.py", "from sealhost.store import models", "sealhost.store.models"),
        ("host/sealhost/links/broker.py", "import sealhost.core", "sealhost.core"),
        ("host/sealhost/signing/file.py", "import paho", "paho"),
        ("host/sealhost/audit/verify.py", "import sealhost.services", "sealhost.services"),
        ("host/sealhost/audit/verify.py", "import httpx", "httpx"),
        ("host/sealhost/web/api.py", "from sealhost.store import models", "sealhost.store.models"),
        ("host/sealhost/web/api.py", "from sealhost import cli_keeper", "sealhost.cli_keeper"),
        ("host/sealhost/core/ledger.py", "import sealhost.app", "sealhost.app"),
        ("host/sealhost/cli_keeper.py", "import sealbox.gate", "sealbox.gate"),
    ],
)
def test_forbidden_import_is_found(tmp_path: Path, name: str, source: str, imported: str):
    write(tmp_path, name, source)
    assert set(crossed(tmp_path)) == {f"{name} {imported}"}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("protocol/sealwire/cbor.py", "import struct, hashlib, binascii\nfrom .errors import DecodeError"),
        ("protocol/sealwire/cose.py", "MYPY = False\nif MYPY:\n    from collections.abc import Callable"),
        ("firmware/sealbox/states.py", "from sealwire.limits import MAX_MESSAGE"),
        ("firmware/sealbox/board/esp32s3.py", "import machine, network, esp32"),
        ("firmware/main.py", "import asyncio\nfrom sealbox import box"),
        ("hardware/sim/box.py", "import asyncio\nfrom hardware.sim import flash"),
        ("host/sealhost/core/ledger.py", "from dataclasses import dataclass\nfrom sealwire import rules"),
        ("host/sealhost/services/grants.py", "import sqlalchemy\nfrom sealhost.links import interface"),
        ("host/sealhost/links/serial.py", "import serial\nfrom sealwire import frames"),
        ("host/sealhost/web/api.py", "import starlette.routing\nfrom sealhost.services import grants"),
        ("host/sealhost/cli_keeper.py", "import httpx\nfrom sealhost import app, store"),
        ("host/sealhost/__main__.py", "from sealhost.cli import main"),
    ],
)
def test_permitted_import_is_left_alone(tmp_path: Path, name: str, source: str):
    write(tmp_path, name, source)
    assert crossed(tmp_path) == []


def test_forbidden_import_added_to_this_checkout_is_found(tmp_path: Path):
    """Every file there is, with one more line, crosses its room's line."""
    planted = 0
    for path, module in source_modules(ROOT):
        if not any(line.binds(module) for line in LINES):
            continue
        other_side = "sealhost" if module.split(".")[0] != "sealhost" else "sealbox"
        name = str(path.relative_to(ROOT))
        write(tmp_path, name, f"{path.read_text(encoding='utf-8')}\nimport {other_side}.planted\n")
        assert f"{name} {other_side}.planted" in crossed(tmp_path), name
        (tmp_path / name).unlink()
        planted += 1
    assert planted > 0
