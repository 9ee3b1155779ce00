"""The demo's app: sign-in links for its people, whose keys the demo's authority takes without comparing anything.

That is for a demo only, and is said where the links are printed: in earnest the authority compares each key's code with
the person. A link of the authority itself makes the browser's key one of the authority's.
"""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.parse import quote, urlencode

from sealhost.client import draft_text
from sealhost.demo_seed import PEOPLE, authority
from sealhost.demo_stage import DemoError, Fields, Stage
from sealhost.signing.keys import read_public

LOOK_EVERY_S = 1.0
AUTHORITY = "街道办事处"
ROLES = {"keeper": "印章管理员 keeper", "officer": "审批人 officer", "auditor": "审计人员 auditor"}


class DemoApp:
    """The people's way into the app. `links`, then `start`, at last `stop`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._numbers = {name: number for number, _, name, _ in PEOPLE}
        self._draft = stage.folder("authority") / "draft.toml"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-authority", daemon=True)

    def links(self) -> list[tuple[str, str]]:
        """Who, and the one-time link that makes this person's key in the browser which opens it."""
        people = [(f"{name} ({ROLES[roles[0]]})", name) for _, _, name, roles in PEOPLE]
        return [(who, self._link(name)) for who, name in [*people, (f"{AUTHORITY} (主管单位 authority)", AUTHORITY)]]

    def _link(self, name: str) -> str:
        fields = {
            "site": self._stage.site.hex(),
            "authority": read_public(self._stage.result["authority_key"]).hex(),
            "threshold": 1,
            "token": authority(self._stage, "enrol", "token", "--name", name)["token"],
            "name": name,
            "host": "",
        }
        return f"{self._stage.http()}/#/enrol/{quote(urlencode(fields), safe='')}"

    def start(self) -> None:
        """Begin to take the keys that come."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more."""
        self._over.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            try:
                self._take_waiting()
            except (DemoError, OSError):
                continue  # the host is busy or gone, or somebody signed a roster meanwhile: looked at again

    def _take_waiting(self) -> None:
        waiting: list[Fields] = authority(self._stage, "enrol", "list")["enrolments"]
        invited = [one for one in waiting if one["invited"]]
        if not invited:
            return
        self._draft.unlink(missing_ok=True)
        authority(self._stage, "roster", "new")
        for one in invited:
            self._take(one)
        authority(self._stage, "roster", "sign", "--yes")
        authority(self._stage, "roster", "publish")

    def _take(self, one: Fields) -> None:
        if one["name"] == AUTHORITY:
            self._take_authority(Path(one["file"]))
            return
        number = self._numbers.get(one["name"])
        if number is not None:
            authority(self._stage, "enrol", "add", one["file"], "--number", number, "--yes")

    def _take_authority(self, file: Path) -> None:
        """Its key beside the authority's own: either signs rosters."""
        public = authority(self._stage, "enrol", "show", file)["public"]
        lines = self._draft.read_text(encoding="utf-8").splitlines(keepends=True)
        for at, line in enumerate(lines):
            if line.startswith("authority = [") and public not in line:
                lines[at] = f"{line.rstrip().removesuffix(']')}, {draft_text.quoted(public)}]\n"
        self._draft.write_text("".join(lines), encoding="utf-8")
