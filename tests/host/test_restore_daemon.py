"""A backup taken while a real daemon works, brought back: every request is finished, none is opened twice."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sealhost.cli import app
from sealhost.store import boxes, messages
from sealhost.store.database import Database
from typer.testing import CliRunner

from tests.brokers import Broker, mosquitto  # noqa: F401
from tests.host.daemon import eventually
from tests.host.test_daemon import Place

COUNT = 9


def through(place: Place, told: list[tuple[str, bytes]], halfway: threading.Event) -> None:
    """People who raise and approve one request after the other; the last ones lack an approval."""
    for number in range(COUNT):
        request = place.people.request(impressions=1 + number % 2)
        steps = [("keeper", request), *((who, place.people.decide(who, request)) for who in ("first", "second"))]
        for who, raw in steps[: 2 if number >= COUNT - 2 else 3]:
            assert place.everybody.tell(who, raw) == "accepted"
            told.append((who, raw))
        if number == COUNT // 3:
            halfway.set()


@pytest.mark.timeout(300)
def test_backup_under_load_comes_back_and_every_request_is_finished_once(tmp_path: Path, mosquitto: Broker):  # noqa: F811
    place = Place(tmp_path, mosquitto)
    told: list[tuple[str, bytes]] = []
    halfway = threading.Event()
    try:
        people = threading.Thread(target=through, args=(place, told, halfway))
        people.start()
        assert halfway.wait(120)
        home, file = place.host.home, tmp_path / "file"
        made = CliRunner().invoke(app, ["backup", "--home", str(home), "--out", str(file)])
        assert made.exit_code == 0, made.output
        people.join()
        eventually(lambda: len(place.box.opened) == COUNT - 2, "the openings")
        place.host.kill()
        back = CliRunner().invoke(app, ["restore", str(file), "--home", str(tmp_path / "back")])
        assert back.exit_code == 0, back.output
        place.host.home = tmp_path / "back"
        database = Database(f"sqlite:///{place.host.home / 'sealbox.db'}")
        with database.read() as tx:
            before = len(messages.requests(tx, place.people.site))
        assert before < COUNT, "the backup lacks nothing: this test shows nothing"
        place.host.start()
        for who, raw in told:  # as their commands do when the host says at a sign-in what it lacks
            assert place.everybody.tell(who, raw) == "accepted"
        for who, raw in told:
            if who == "keeper" and (raw not in [one for _, one in told[:-4]]):
                assert place.everybody.tell("second", place.people.decide("second", raw)) == "accepted"
        eventually(lambda: len(place.box.opened) == COUNT, "the last openings")
        eventually(lambda: place.box.acked == place.box.seq, "the ack")
        with database.read() as tx:
            states = [row.state for row in messages.requests(tx, place.people.site)]
            (box,) = boxes.all_boxes(tx, place.people.site)
        database.close()
        assert (states, box.seq) == (["finished"] * COUNT, place.box.seq)
        assert len(set(place.box.opened)) == COUNT
    finally:
        place.close()
