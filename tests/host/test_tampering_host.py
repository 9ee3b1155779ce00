"""Everything that can be altered in a message on its way to the host is refused by name and changes nothing.

The alterations are made from the schema (`tests.tampering`), before the originals were sent: what is mangled must not
keep a true message from its effect either.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sealhost.core.limiter import Limiter
from sealhost.services.host import FROM_PEOPLE
from sealhost.store.database import Database
from sealhost.store.models import Base
from sealwire import cbor, chain, errors, messages, topics
from sealwire.errors import DecodeError
from sealwire.messages import Message
from sqlalchemy import select
from structlog.testing import capture_logs

from tests.brokers import Broker, rumqttd  # noqa: F401
from tests.host.daemon import Everybody, HostProcess, eventually
from tests.host.village import People, Village
from tests.tampering import forging, spoken
from tests.tampering.changes import changes, message_fields
from tests.tampering.effort import INSTANCES, TIMEOUT_S, seeded
from tests.tampering.forging import Forgery
from tests.tampering.spoken import Said

pytestmark = pytest.mark.timeout(TIMEOUT_S)

REFUSED = (forging.KEPT, forging.FORGED, forging.WRONG_ROLE, forging.SITE, forging.HEADER)
"""The signatures that make no message; who signs another thing with their own key has said it."""
ACCEPTED = (
    messages.MATTERS, messages.RESET, messages.REQUEST, messages.SUBSTITUTE, messages.DECISION, messages.REPORT,
    messages.FINISH, messages.ROSTER,
)  # fmt: skip
"""The types whose originals the host takes afterwards, in this order."""


def alterations(people: People, said: Said, times: int = 1) -> Iterator[tuple[Message, Forgery]]:
    """(original, forgery) of every field of every type, in so many ways."""
    instances = None if INSTANCES is None else times * INSTANCES
    for number, originals in said.items():
        for original in originals:
            keys = spoken.keys_for(people, original)
            for forgery in forging.chosen([original], keys, seeded(number, original.name), instances):
                if forgery.signing in REFUSED or _form(people, forgery.raw) is not None:
                    yield original, forgery


def _form(people: People, raw: bytes) -> str | None:
    try:
        messages.read(raw, people.site, FROM_PEOPLE)
    except DecodeError as error:
        return error.name
    return None


def reasons(people: People, original: Message, forgery: Forgery) -> set[str]:
    """The names by which an alteration may be refused."""
    form = _form(people, forgery.raw)
    if form is not None:
        return {form}
    kid = messages.read(forgery.raw, people.site).kid
    found = {"unknown_signer"} if kid != original.kid else {"bad_signature"}
    if "roster" in forgery.field:
        found.add("newer_roster")  # asked first, so that a sender whose roster is ahead tries again
    return found


def sender(people: People, original: Message, forgery: Forgery) -> bytes:
    """Under whose topic an alteration is published: whoever it says that it is from, when such a key exists."""
    try:
        kid = messages.read(forgery.raw, people.site).kid
    except DecodeError:
        return original.kid
    return kid if kid == people.host.kid else original.kid


def stored(database: Database, *left_out: str) -> dict[str, list[Any]]:
    """Everything in a database, by table."""
    with database.read() as tx:
        tables = [table for table in Base.metadata.sorted_tables if table.name not in left_out]
        return {table.name: sorted(map(repr, tx.execute(select(table)))) for table in tables}


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Village]:
    """A village whose host answers every refusal, however many there are."""
    made = Village(f"sqlite:///{tmp_path / 'host.db'}")
    made.begin()
    made.service._refusals = Limiter(burst=10**6, per_second=1, total_burst=10**6, total_per_second=1)
    yield made
    made.close()


def said_at(village: Village) -> Said:
    """What is altered: a use is over, and a request waits."""
    used = village.approved()
    waiting = village.request(bay=2)
    assert village.tell("keeper", waiting) == "accepted"
    assert village.state(used) == "finished"
    return spoken.to_host(village, waiting, used)


def test_what_is_altered_holds_every_field_of_every_type(quiet: Village):
    said = said_at(quiet)
    held = set()
    for number, originals in said.items():
        for original in originals:
            made = changes(messages.fields_of(number), forging.wire_value(original), [], seeded())
            held |= {(number, change.field) for change in made if change.how == "dropped"}
    assert {(messages.names()[number], name) for number, name in set(message_fields()) - held} == set()
    assert {number for number, _ in message_fields()} == said.keys()


def test_every_alteration_is_refused_by_name_and_leaves_no_trace(quiet: Village):
    said = said_at(quiet)
    before = stored(quiet.database)
    wrong = []
    count: Counter[str] = Counter()
    for original, forgery in alterations(quiet, said, 4):  # cheap: there is no broker in between
        topic = topics.host_in(quiet.site, sender(quiet, original, forgery))
        with capture_logs() as lines:
            sends = quiet.service.handle(topic, forgery.raw)
        logged = {line["reason"] for line in lines if line["event"] == "refused"}
        told = {errors.name_of(messages.read(send.payload, quiet.site)["result"]) for send in sends}
        expected = reasons(quiet, original, forgery)
        another = _form(quiet, forgery.raw) is None and sender(quiet, original, forgery) != _kid(quiet, forgery)
        if not logged or not logged <= expected or told != (set() if another else logged):
            wrong.append((forgery.name, expected, logged, told))
        count[original.name] += 1
    assert wrong == []
    assert stored(quiet.database) == before
    assert count.keys() == set(messages.names().values())
    assert count.total() > 2000
    send_originals(quiet, said)


def _kid(people: People, forgery: Forgery) -> bytes:
    return messages.read(forgery.raw, people.site).kid


def send_originals(village: Village, said: Said) -> None:
    """What was altered on its way is taken when it comes as it was."""
    for number in ACCEPTED:
        original = said[number][0]
        who = next(
            name for name, key in [*village.keys.items(), ("authority", village.authority)] if key.kid == original.kid
        )
        assert village.tell(who, original.raw) == "accepted", original.name


def test_every_alteration_of_what_a_box_says_leaves_its_proven_log_as_it_is(quiet: Village):
    box = quiet.box
    quiet.approved()
    said = [quiet.message(box.checkpoint()), quiet.message(box._challenge(2))]
    before = stored(quiet.database, "staged")
    topic = topics.box_out(quiet.site, box.kid)
    wrong = []
    for original in said:
        for forgery in forging.chosen([original], spoken.keys_for(quiet, original), seeded(original.name), INSTANCES):
            if forgery.signing not in REFUSED:
                continue
            with capture_logs() as lines:
                assert quiet.service.handle(topic, forgery.raw) == []
            if not [line for line in lines if line["event"] == "refused" and line["reason"]]:
                wrong.append(forgery.name)
    assert wrong == []
    assert stored(quiet.database, "staged") == before


def test_altered_entries_are_staged_at_most_and_the_true_ones_are_proven_all_the_same(quiet: Village):
    box = quiet.box
    quiet.approved()
    proven = stored(quiet.database)["entries"]
    quiet.box_listens = False
    box.write(chain.BOOT, announce=False, boot=9, cause=1, firmware="fake", clock_set=1)
    item = messages.build_item(messages.ENTRIES, {"first": box.seq, "entries": [box.entries[-1]]})
    value = cbor.decode(item)
    topic = topics.box_out(quiet.site, box.kid)
    for change in changes(messages.item_fields(messages.ENTRIES), value, [], seeded("entries")):
        quiet.service.handle(topic, cbor.encode(change.value))
        assert stored(quiet.database)["entries"] == proven, change
    quiet.box_listens = True
    quiet.now += 1
    box.hello()
    quiet.run()
    assert quiet.views.boxes(quiet.site)[0]["proven_seq"] == box.seq


# The daemon, over a broker


@pytest.fixture
def place(tmp_path: Path, rumqttd: Broker) -> Iterator[tuple[People, HostProcess, Everybody]]:  # noqa: F811
    """A running host, a box and people."""
    people = People()
    host = HostProcess(tmp_path / "home", people, f"mqtt://{rumqttd.host}:{rumqttd.port}").start()
    everybody = Everybody(people, rumqttd.host, rumqttd.port)
    try:
        assert everybody.tell("authority", people.matters_message()) == "accepted"
        assert everybody.tell("authority", people.roster()) == "accepted"
        people.box.connect(rumqttd.host, rumqttd.port)
        eventually(lambda: people.box.acked == people.box.seq, "the box's adoption")
        yield people, host, everybody
    finally:
        people.box.disconnect()
        everybody.stop()
        host.stop()


_LINE = re.compile(r"event='refused' .*?reason='(\w+)'.* reference='([0-9a-f]{64})'")


def test_running_host_stays_up_and_as_it_was_under_every_alteration(place: tuple[People, HostProcess, Everybody]):
    """A noisy sender gets 20 answers at once: what is answered and logged has its right name, the rest no effect."""
    people, host, everybody = place
    used, waiting = people.request(), people.request(bay=2)
    assert everybody.tell("keeper", used) == "accepted"
    for officer in ("first", "second"):
        assert everybody.tell(officer, people.decide(officer, used)) == "accepted"
    eventually(lambda: people.box.opened and people.box.acked == people.box.seq, "the use")
    assert everybody.tell("keeper", waiting) == "accepted"
    said = spoken.to_host(people, waiting, used)
    database = Database(f"sqlite:///{host.home / 'sealbox.db'}")
    passing = ("sites", "boxes", "outbox", "waiting", "audit", "requests", "challenges")  # times pass in some of them
    kept = (*passing, "news", "reminders")  # people are told and reminded meanwhile
    before = stored(database, *kept)
    expected: dict[str, set[str]] = {}
    for original, forgery in alterations(people, said):
        expected[_named(forgery.raw)] = reasons(people, original, forgery)
        everybody.publish(topics.host_in(people.site, sender(people, original, forgery)), forgery.raw)
    # Its answer shows that everything before it was looked at.
    assert everybody.tell("authority", said[messages.MATTERS][0].raw) == "accepted"
    after = stored(database, *kept, "matters_messages")
    assert after == {name: rows for name, rows in before.items() if name != "matters_messages"}
    database.close()
    logged = [found.groups() for found in _LINE.finditer(host.log())]
    assert len(logged) > 50
    assert [(reason, name) for reason, name in logged if reason not in expected.get(name, {"no such"})] == []
    assert "Traceback" not in host.log()
    send_all(people, everybody, said)


def _named(raw: bytes) -> str:
    """How the host's log names what it refuses: nothing of it is proven, so by its bytes."""
    return hashlib.sha256(raw).hexdigest()


def send_all(people: People, everybody: Everybody, said: Said) -> None:
    """The originals are taken."""
    for number in ACCEPTED[1:]:
        original = said[number][0]
        who = next(
            name for name, key in [*people.keys.items(), ("authority", people.authority)] if key.kid == original.kid
        )
        assert everybody.tell(who, original.raw) == "accepted", original.name
