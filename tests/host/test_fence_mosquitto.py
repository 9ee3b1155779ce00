"""Mosquitto inside the generated fence: who hears what, who can say what, and what a reload does.

A PUBACK or SUBACK says nothing here: what counts is what the broker delivers.
"""

import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sealhost.fence import FenceError
from sealhost.fence.acl import Place, file, users
from sealhost.fence.broker import BrokerFiles, Choices
from sealhost.fence.mosquitto import MAX_PAYLOAD_BYTES, Layout, Listen, config
from sealwire import topics

from tests.host.fenced import (
    BOX,
    FAR_BOX,
    FAR_KEEPER,
    HOST,
    KEEPER,
    LEAVING,
    OFFICER,
    OTHER_SITE,
    SECOND_BOX,
    SITE,
    Client,
    Fence,
)

REFERENCE = b"\x99" * 32
NEW = b"\x08" * 16


@pytest.fixture
def fence(tmp_path: Path) -> Iterator[Fence]:
    with closing(Fence(tmp_path)) as made:
        made.broker.start()
        yield made


def everywhere() -> dict[str, bytes]:
    """One message on every kind of topic, of both sites; values say which."""
    found = {"sealbox/1": b"root", "sealbox": b"top", "elsewhere": b"elsewhere"}
    for site, boxes, people in ((SITE, (BOX, SECOND_BOX), (KEEPER, OFFICER)), (OTHER_SITE, (FAR_BOX,), (FAR_KEEPER,))):
        for box in boxes:
            found[topics.box_out(site, box)] = b"out"
            found[topics.box_status(site, box)] = b"status"
            for sender in (HOST, *people):
                found[topics.box_in(site, box, sender)] = b"to the box"
        for person in people:
            found[topics.host_in(site, person)] = b"to the host"
            found[topics.inbox(site, person)] = b"news"
            found[topics.inbox_waiting(site, person, REFERENCE)] = b"waits"
    return found


PRYING = ("#", "+/#", "sealbox/#", f"sealbox/1/{SITE.hex()}/#", "sealbox/1/+/+/+/+/+", "$SYS/#", "$SYS/broker/+")
GREEDY = tuple(f"$share/all/{one}" for one in ("#", "sealbox/#"))


def own_of_person(kid: bytes) -> set[str]:
    mine = {topics.inbox(SITE, kid), topics.inbox_waiting(SITE, kid, REFERENCE)}
    for box in (BOX, SECOND_BOX):
        mine |= {topics.box_out(SITE, box), topics.box_status(SITE, box)}
    return mine


def own_of_box(kid: bytes) -> set[str]:
    return {topics.box_in(SITE, kid, sender) for sender in (HOST, KEEPER, OFFICER)}


def own_of_host() -> set[str]:
    own = {topics.host_in(SITE, kid) for kid in (KEEPER, OFFICER)}
    for box in (BOX, SECOND_BOX):
        own |= {topics.box_out(SITE, box), topics.box_status(SITE, box)}
    return own


@pytest.mark.parametrize("who", ["keeper", "box", "host"])
@pytest.mark.parametrize("kept", [False, True])
def test_client_with_wildcards_hears_its_own_topics_and_nothing_else(fence: Fence, who: str, kept: bool) -> None:
    def connect() -> Client:
        if who == "keeper":
            return fence.person(KEEPER)
        return fence.device(BOX if who == "box" else HOST)

    own, mark = {
        "keeper": (own_of_person(KEEPER), topics.inbox(SITE, KEEPER)),
        "box": (own_of_box(BOX), topics.box_in(SITE, BOX, b"\x44" * 16)),
        "host": (own_of_host(), topics.host_in(SITE, b"\x44" * 16)),
    }[who]
    observer = fence.observer()
    prying = connect()
    if kept:
        for topic, payload in everywhere().items():
            observer.publish(topic, payload, retain=True)
    prying.subscribe(*PRYING)
    if not kept:
        for topic, payload in everywhere().items():
            observer.publish(topic, payload)
    heard = fence.delivered(prying, mark)
    assert {topic for topic, _ in heard} == own
    assert prying.connected


@pytest.mark.parametrize("who", ["keeper", "box", "stranger to the site"])
def test_client_that_publishes_on_others_topics_changes_nothing(fence: Fence, who: str) -> None:
    observer = fence.observer()
    observer.subscribe("#")
    if who == "keeper":
        liar, own = fence.person(KEEPER), {topics.host_in(SITE, KEEPER)}
        own |= {topics.box_in(SITE, box, KEEPER) for box in (BOX, SECOND_BOX)}
    elif who == "box":
        liar, own = fence.device(BOX), {topics.box_out(SITE, BOX), topics.box_status(SITE, BOX)}
    else:
        liar, own = fence.person(FAR_KEEPER), {topics.host_in(OTHER_SITE, FAR_KEEPER)}
        own |= {topics.box_in(OTHER_SITE, FAR_BOX, FAR_KEEPER)}
    tried = [*everywhere(), "$SYS/broker/clients/total", "sealbox/1/" + "ab" * 16 + "/host/in/" + KEEPER.hex()]
    for topic in tried:
        liar.publish(topic, b"forged", retain=True)
    heard = fence.delivered(observer, "elsewhere")
    assert {topic for topic, payload in heard if payload == b"forged"} == own
    later = fence.observer()
    later.subscribe("#")
    assert {topic for topic, _ in fence.delivered(later, "elsewhere")} == own
    assert liar.connected


def test_will_on_anothers_topic_is_not_published(fence: Fence) -> None:
    observer = fence.observer()
    observer.subscribe("#")
    for topic in (topics.box_status(SITE, BOX), topics.inbox(SITE, OFFICER)):
        liar = paho.Client(CallbackAPIVersion.VERSION2, "seal-liar")
        liar.username_pw_set(KEEPER.hex(), fence.files.passwords.of(KEEPER.hex()))
        liar.tls_set_context(fence.context())
        liar.will_set(topic, b"gone", 1, True)
        liar.connect("127.0.0.1", fence.people_port)
        liar.loop_start()
        connected = fence.person(KEEPER, "seal-liar")  # takes over: the will of the one before is due
        assert connected.connected
        liar.loop_stop()
    assert fence.delivered(observer, "elsewhere") == []


def test_shared_subscription_of_a_stranger_takes_nothing_from_the_host(fence: Fence) -> None:
    host, keeper, officer = fence.device(HOST), fence.person(KEEPER), fence.person(OFFICER)
    host.subscribe(topics.host_filters(SITE)[0])
    officer.subscribe(*GREEDY)
    sent = [b"%d" % index for index in range(20)]
    for payload in sent:
        keeper.publish(topics.host_in(SITE, KEEPER), payload)
    assert [payload for _, payload in fence.delivered(host, topics.host_in(SITE, OFFICER))] == sent
    assert fence.delivered(officer, topics.inbox(SITE, OFFICER)) == []


@pytest.mark.parametrize("victim", [HOST, BOX])
def test_person_does_not_take_over_the_session_of_a_host_or_box(fence: Fence, victim: bytes) -> None:
    device = fence.device(victim)
    own = topics.host_filters(SITE)[0] if victim == HOST else topics.box_in_filter(SITE, BOX)
    device.subscribe(own)
    for name in (victim.hex(), f"seal-{victim.hex()}", f"sealbox-{victim.hex()}"):
        fence.person(OFFICER, name)
    mark = topics.host_in(SITE, KEEPER) if victim == HOST else topics.box_in(SITE, BOX, HOST)
    fence.observer().publish(mark, b"still there")
    device.wait_heard(mark, b"still there")
    assert device.connected
    device.stop()
    fence.observer().publish(mark, b"while away")
    thief = fence.person(OFFICER, f"seal-{victim.hex()}")
    thief.subscribe("#")
    assert fence.delivered(thief, topics.inbox(SITE, OFFICER)) == []
    assert not fence.person(OFFICER, victim.hex()).connected
    fence.device(victim).wait_heard(mark, b"while away")


def test_nobody_gets_in_without_a_password_or_with_anothers(fence: Fence) -> None:
    good = fence.files.passwords.of(KEEPER.hex())
    for user, word in ((KEEPER.hex(), "wrong"), (OFFICER.hex(), good), ("", ""), (BOX.hex() + "00", good)):
        client = fence.person(user, "seal-nobody", word)
        assert not client.connected
        assert client.refused == "Not authorized"
    assert fence.person(KEEPER).connected


# Reload


def test_reload_after_a_roster_drops_nobody_who_stays_and_nothing_on_its_way(fence: Fence) -> None:
    host, box, keeper = fence.device(HOST), fence.device(BOX), fence.person(KEEPER)
    host.subscribe(topics.host_filters(SITE)[0])
    box.subscribe(topics.box_in_filter(SITE, BOX))
    keeper.subscribe(topics.inbox(SITE, KEEPER))
    sent = []
    for index in range(60):
        if index % 20 == 10:
            fence.refresh(people=frozenset([KEEPER, OFFICER, bytes([index]) * 16]))
        sent.append(b"%d" % index)
        keeper.publish(topics.host_in(SITE, KEEPER), sent[-1])
        host.publish(topics.box_in(SITE, BOX, HOST), sent[-1])
    assert [payload for _, payload in fence.delivered(host, topics.host_in(SITE, OFFICER))] == sent
    assert [payload for _, payload in fence.delivered(box, topics.box_in(SITE, BOX, KEEPER))] == sent
    assert all(client.connected for client in (host, box, keeper))


def test_person_of_a_new_roster_gets_in_and_one_who_left_hears_and_says_nothing_more(fence: Fence) -> None:
    observer, leaving = fence.observer(), fence.person(LEAVING)
    observer.subscribe("#")
    leaving.subscribe("#")
    assert not fence.person(NEW).connected
    fence.refresh(people=frozenset([KEEPER, OFFICER, NEW]))
    leaving.wait_closed()
    assert not fence.person(LEAVING, "seal-again").connected
    new = fence.person(NEW)
    assert new.connected
    new.publish(topics.host_in(SITE, NEW), b"I am new")
    assert fence.delivered(observer, "elsewhere") == [(topics.host_in(SITE, NEW), b"I am new")]
    assert leaving.heard == []


def test_box_that_a_roster_adds_is_heard_on_the_connection_that_it_already_has(fence: Fence) -> None:
    fence.refresh(boxes=frozenset([SECOND_BOX]))
    host, box = fence.device(HOST), fence.device(BOX)
    host.subscribe(*topics.host_filters(SITE))
    box.subscribe(topics.box_in_filter(SITE, BOX))
    box.publish(topics.box_out(SITE, BOX), b"too early")
    fence.refresh(boxes=frozenset([BOX, SECOND_BOX]))
    assert fence.delivered(host, topics.host_in(SITE, KEEPER)) == []
    box.publish(topics.box_out(SITE, BOX), b"now")
    host.publish(topics.box_in(SITE, BOX, HOST), b"welcome")
    host.wait_heard(topics.box_out(SITE, BOX), b"now")
    box.wait_heard(topics.box_in(SITE, BOX, HOST), b"welcome")
    assert box.connected


def test_sessions_and_retained_messages_survive_a_restart_of_the_broker(fence: Fence) -> None:
    host, keeper = fence.device(HOST), fence.person(KEEPER)
    host.subscribe(topics.host_filters(SITE)[0])
    host.publish(topics.inbox_waiting(SITE, KEEPER, REFERENCE), b"waits", retain=True)
    host.stop()
    keeper.publish(topics.host_in(SITE, KEEPER), b"while you were away")
    fence.broker.stop(politely=True)
    fence.broker.start()
    fence.refresh(people=frozenset([KEEPER, OFFICER]))  # a reload while the host is still away
    again, later = fence.device(HOST), fence.person(KEEPER, "seal-later")
    again.wait_heard(topics.host_in(SITE, KEEPER), b"while you were away")
    later.subscribe(topics.inbox_filters(SITE, KEEPER)[1])
    later.wait_heard(topics.inbox_waiting(SITE, KEEPER, REFERENCE), b"waits")


# Size


@pytest.mark.parametrize(("size", "delivered"), [(65_536, True), (MAX_PAYLOAD_BYTES + 1, False)])
def test_large_payload_reaches_the_host_to_be_refused_by_name_or_is_dropped(
    fence: Fence, size: int, delivered: bool
) -> None:
    host, keeper = fence.device(HOST), fence.person(KEEPER)
    host.subscribe(topics.host_filters(SITE)[0])
    keeper.publish(topics.host_in(SITE, KEEPER), bytes(size))
    heard = fence.delivered(host, topics.host_in(SITE, OFFICER))
    assert [len(payload) for _, payload in heard] == ([size] if delivered else [])
    assert host.connected
    assert keeper.connected


def test_ten_megabytes_end_the_senders_connection_and_nobody_elses(fence: Fence) -> None:
    host, keeper, officer = fence.device(HOST), fence.person(KEEPER), fence.person(OFFICER)
    host.subscribe(topics.host_filters(SITE)[0])
    keeper.publish(topics.host_in(SITE, KEEPER), bytes(10_000_000))
    keeper.wait_closed()
    officer.publish(topics.host_in(SITE, OFFICER), b"and I?")
    host.wait_heard(topics.host_in(SITE, OFFICER), b"and I?")
    assert len(host.heard) == 1
    assert fence.broker.running


# Files


def test_every_file_of_the_broker_is_its_owners_alone_and_written_only_when_it_changes(fence: Fence) -> None:
    folder = fence.files.folder
    written = [path for path in folder.iterdir() if path.is_file() and path.suffix not in (".log", ".pid")]
    assert {path.name for path in written} >= {"acl", "passwords", "mosquitto.conf", "server.key", "server.pem"}
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in written} == {"0o600"}
    assert oct(stat.S_IMODE(folder.stat().st_mode)) == "0o700"
    assert oct(stat.S_IMODE((fence.home / "broker.secret").stat().st_mode)) == "0o600"
    fence.files.refresh(fence.places)
    before = {path: path.stat().st_mtime_ns for path in written}
    again = BrokerFiles.open(folder, fence.home)
    assert not again.set_up(fence.places)
    assert {path: path.stat().st_mtime_ns for path in written} == before


def test_passwords_are_in_no_file_and_follow_from_the_secret(fence: Fence) -> None:
    word = fence.files.passwords.of(KEEPER.hex())
    assert len(word) == 43
    everything = b"".join(path.read_bytes() for path in fence.home.rglob("*") if path.is_file())
    assert word.encode() not in everything
    assert BrokerFiles.open(fence.files.folder, fence.home).passwords.of(KEEPER.hex()) == word


def test_reload_signals_no_process_but_a_mosquitto(fence: Fence) -> None:
    fence.broker.stop()
    fence.files.pid_file.write_text("1\n")
    assert not fence.files.reload()
    fence.files.pid_file.write_text("nonsense")
    assert not fence.files.reload()
    fence.files.pid_file.unlink()
    assert not fence.files.reload()


def test_reload_command_that_fails_is_named(fence: Fence) -> None:
    broken = BrokerFiles(fence.files.folder, fence.home, fence.files.choices, "sh -c 'echo no such unit >&2; exit 4'")
    with pytest.raises(FenceError, match="sh ended with 4: no such unit"):
        broken.reload()
    missing = BrokerFiles(fence.files.folder, fence.home, fence.files.choices, "/nowhere/to-be-found")
    with pytest.raises(FenceError, match="broker_reload does not work"):
        missing.reload()


def test_servers_key_stays_when_its_certificate_is_renewed_and_changes_with_its_names(fence: Fence) -> None:
    key = fence.files.folder / "server.key"
    before = key.read_bytes()
    assert not fence.files.renew_server()
    fence.ca.add_next()
    fence.ca.switch()
    assert fence.files.renew_server()
    assert key.read_bytes() == before
    other = Choices(("another.example",), fence.files.choices.people, fence.files.choices.devices)
    BrokerFiles(fence.files.folder, fence.home, other).renew_server()
    assert key.read_bytes() != before


@pytest.mark.parametrize(
    "text", ["", "8883", "host:", "host:x", "host:0", "host:70000", "a b:1", "host\n:1", "\uff11:\uff11", "h:1:"]
)
def test_address_that_is_none_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(FenceError, match="no address to listen on") as raised:
        Listen.parse(text)
    assert "\n" not in str(raised.value)


def test_nothing_that_an_operator_says_can_add_a_line_to_a_file() -> None:
    people, devices = Listen("127.0.0.1", 1), Listen("127.0.0.1", 2)
    for folder in ("/a\nallow_anonymous true", "/a\r", "/a "):
        with pytest.raises(FenceError, match="plainer name"):
            config(Layout(Path(folder), people, devices))
    with pytest.raises(FenceError, match="no name of an account"):
        config(Layout(Path("/a"), people, devices, user="x\nallow_anonymous true"))
    with pytest.raises(FenceError, match="no name of a gateway"):
        users([], ["x\ntopic readwrite #"])
    with pytest.raises(FenceError, match="port of its own"):
        config(Layout(Path("/a"), people, people))


def test_listeners_bind_where_they_were_told_and_nowhere_else(fence: Fence) -> None:
    text = (fence.files.folder / "mosquitto.conf").read_text(encoding="utf-8")
    listeners = [line for line in text.splitlines() if line.startswith("listener ")]
    assert len(listeners) == 3
    assert all(line.endswith(" 127.0.0.1") for line in listeners)


def test_gateway_may_speak_for_every_box_and_for_nobody_else() -> None:
    place = Place(SITE, frozenset([HOST]), frozenset([BOX]), frozenset([KEEPER]))
    rules = users([place], ["gateway-1"])["gateway-1"]
    assert rules == [
        ("read", topics.box_in_filter(SITE, BOX)),
        ("write", topics.box_out(SITE, BOX)),
        ("write", topics.box_status(SITE, BOX)),
    ]
    assert file(users([place])) == file(users([place]))
