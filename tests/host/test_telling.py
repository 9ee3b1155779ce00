"""People and office systems are told: by a real local receiver, failing, slow and redirecting ones too."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sealhost.core import pace
from sealhost.services.news import Policy
from sealhost.store import news
from sealhost.store.models import Telling
from sealhost.telling import routes, teller, webhook, wording
from sealhost.telling.routes import Hook, Person, Routes, RoutesError
from sealhost.telling.teller import LEASE_S, MAX_JOBS, Pace, Teller
from sealhost.telling.webhook import TellingError
from sealwire import messages
from sqlalchemy import select

from tests.host.village import Village

WAIT_S = 60.0


class Receiver:
    """A real HTTP server. `answers`: the statuses to give, then 200; `got`: (path, headers, body)."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.held: threading.Event | None = None
        self.came = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                receiver.came.set()
                if receiver.held is not None:
                    receiver.held.wait(WAIT_S)
                status = receiver.answers.pop(0) if receiver.answers else 200
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("location", f"{receiver.url}/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def apprise(self) -> str:
        """The same place as an Apprise URL."""
        return self.url.replace("http://", "json://")

    def bodies(self) -> list[dict[str, Any]]:
        """What came, as JSON."""
        return [json.loads(body) for _, _, body in self.got]

    def close(self) -> None:
        """Let go of everybody and end."""
        if self.held is not None:
            self.held.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def a_hook(receiver: Receiver, village: Village, name: str = "oa", **changes: Any) -> Hook:
    values = {"url": receiver.url + "/in", "secret": webhook.new_secret(), "private": True, **changes}
    return Hook(name, village.site.hex(), **values)


def a_person(receiver: Receiver, village: Village, to: str, name: str = "", **changes: Any) -> Person:
    values = {"url": f"{receiver.apprise}/{name or to}", **changes}
    return Person(name or to, village.site.hex(), to, **values)


def new_teller(village: Village, home: Path, *ones: Person | Hook, pacing: Pace | None = None) -> Teller:
    """A teller of a host with these routes."""
    kept = Routes()
    for one in ones:
        kept = kept.with_route(one)
    routes.save(home, kept)
    return Teller(village.context, home, Policy(), pacing)


def run(made: Teller) -> None:
    """One look, and wait for what it sends."""
    made.tick()
    made.wait(WAIT_S)


def waiting(village: Village) -> int:
    with village.context.view() as turn:
        return len(turn.tx.execute(select(Telling.id).where(Telling.sent.is_(None))).all())


# --- people ---


def test_a_new_request_reaches_the_officers_and_nobody_else(village: Village, receiver: Receiver, tmp_path: Path):
    made = new_teller(
        village, tmp_path, *(a_person(receiver, village, to) for to in ("1", "2", "3", "5", "role:2")),
        pacing=Pace(app_url="https://app.example"),
    )  # fmt: skip
    raw = village.request()
    assert village.tell("keeper", raw) == "accepted"
    run(made)
    assert sorted(path for path, _, _ in receiver.got) == ["/2", "/3", "/role:2"]
    text = receiver.bodies()[0]["message"]
    reference = village.reference(raw)
    assert messages.short_code(reference) in text
    assert "居委会" in text
    assert f"https://app.example/#/request/{reference.hex()}" in text
    run(made)
    assert len(receiver.got) == 3


def test_what_is_told_names_no_person_and_no_document(village: Village, receiver: Receiver, tmp_path: Path):
    made = new_teller(
        village, tmp_path, a_hook(receiver, village), a_person(receiver, village, "2", lang="both"),
        a_person(receiver, village, "1", lang="en"),
    )  # fmt: skip
    village.box_listens = False
    raw = village.request()
    village.tell("keeper", raw)
    run(made)
    village.tell("first", village.decide("first", raw))
    village.tell("second", village.decide("second", raw))
    run(made)
    said = b"".join(body for _, _, body in receiver.got).decode("unicode_escape")
    assert len(receiver.got) >= 4
    for name in ("keeper", "first", "second", "居住证明"):  # people's names in this roster, and the matter's wording
        assert f'"{name}' not in said
        assert f" {name}" not in said
    fields = {field for body in receiver.bodies() for field in body if "id" in body}
    assert fields <= {
        "id", "type", "at", "site", "request", "code", "seal", "matter", "impressions", "box", "bay", "until", "case"
    }  # fmt: skip


def test_the_keeper_hears_how_the_request_ended(village: Village, receiver: Receiver, tmp_path: Path):
    village.box_listens = False
    made = new_teller(village, tmp_path, a_person(receiver, village, "1", lang="en"))
    village.approved()
    denied = village.request(bay=2)
    village.tell("keeper", denied)
    village.tell("first", village.decide("first", denied, messages.DENY))
    run(made)
    titles = sorted(body["title"] for body in receiver.bodies())
    assert titles == ["Your request was approved", "Your request was denied"]


def test_reminders_come_before_each_time_runs_out_and_once(village: Village, receiver: Receiver, tmp_path: Path):
    village.box_listens = False
    made = new_teller(village, tmp_path, a_hook(receiver, village, types=("reminder.decide", "reminder.use")))
    undecided = village.request(expires=village.now + 5 * 3600)
    assert village.tell("keeper", undecided) == "accepted"
    decided = village.approved(bay=2)
    run(made)
    assert receiver.got == []
    until = village.shown(decided)["until"]
    village.now = until - 60
    run(made)
    run(made)
    village.now += 4 * 3600 - (until - 60 - village.now)
    run(made)
    said = [(body["type"], body["request"]) for body in receiver.bodies()]
    assert said == [
        ("reminder.use", village.reference(decided).hex()),
        ("reminder.decide", village.reference(undecided).hex()),
    ]


def test_a_flood_becomes_one_message(village: Village, receiver: Receiver, tmp_path: Path):
    made = new_teller(village, tmp_path, a_person(receiver, village, "2", lang="en"), pacing=Pace(2, 600))
    for _ in range(5):
        village.now += 1
        assert village.tell("keeper", village.request()) == "accepted"
    run(made)
    (only,) = receiver.bodies()
    assert only["title"] == "Sealbox: 5 messages"
    assert "A request waits for your decision × 5" in only["message"]
    village.tell("keeper", village.request(bay=2))
    run(made)
    assert len(receiver.got) == 2
    village.now += 1
    for _ in range(3):
        village.now += 1
        village.tell("keeper", village.request(bay=2))
    run(made)
    assert len(receiver.got) == 2  # two in ten minutes: the rest is held
    village.now += 600
    run(made)
    assert receiver.bodies()[2]["title"] == "Sealbox: 3 messages"


def test_the_plan_never_exceeds_the_pace():
    sent: list[int] = []
    for now in range(0, 3000, 7):
        plan = pace.plan(1 + now % 3, sent, now, 3, 100)
        sent += [now] * (plan.alone + plan.digest)
        assert plan.alone + plan.digest == 0 or not plan.hold
    for moment in range(3000):
        assert sum(moment - 100 < at <= moment for at in sent) <= 3


# --- retries ---


def test_what_failed_is_sent_again_after_a_restart(village: Village, receiver: Receiver, tmp_path: Path):
    receiver.answers = [500, 503]
    hook = a_hook(receiver, village, types=("request.waiting",))
    village.tell("keeper", village.request())
    run(new_teller(village, tmp_path, hook))
    for wait in (0, pace.retry_s(1), pace.retry_s(2)):
        assert waiting(village) == 1
        village.now += wait
        run(Teller(village.context, tmp_path))  # another process
    assert waiting(village) == 0
    numbers = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert len(numbers) == 3
    assert len(set(numbers)) == 1
    stamps = [headers["webhook-timestamp"] for _, headers, _ in receiver.got]
    assert stamps == sorted(set(stamps))


def test_nobody_else_sends_what_one_host_has_claimed(village: Village, receiver: Receiver, tmp_path: Path):
    receiver.held = threading.Event()
    first = new_teller(village, tmp_path, a_hook(receiver, village, types=("request.waiting",)))
    village.tell("keeper", village.request())
    first.tick()
    assert receiver.came.wait(WAIT_S)
    second = Teller(village.context, tmp_path)
    run(second)
    assert len(receiver.got) == 1
    village.now += LEASE_S + 1  # the first is dead
    second.tick()
    receiver.held.set()
    second.wait(WAIT_S)
    first.wait(WAIT_S)
    assert len(receiver.got) == 2


def test_a_receiver_that_does_not_answer_holds_up_no_other(village: Village, tmp_path: Path, receiver: Receiver):
    slow = Receiver()
    slow.held = threading.Event()
    made = new_teller(village, tmp_path, a_hook(slow, village, "slow"), a_person(receiver, village, "2"))
    try:
        village.tell("keeper", village.request())
        made.tick()
        assert slow.came.wait(WAIT_S)
        assert receiver.came.wait(WAIT_S)
        village.tell("keeper", village.request(bay=2))
        made.tick()  # returns, though one route is still busy
        assert len(slow.got) == 1
    finally:
        slow.close()
    made.wait(WAIT_S)


def test_a_receiver_that_drips_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch, village: Village, receiver: Receiver
):
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.2)
    receiver.held = threading.Event()
    with pytest.raises(TellingError, match=r"no answer|not reached"):
        webhook.post(a_hook(receiver, village), "msg_1", b"{}", 1)


def test_what_could_not_be_told_for_days_is_given_up(village: Village, receiver: Receiver, tmp_path: Path):
    made = new_teller(
        village, tmp_path, a_hook(receiver, village, url="http://127.0.0.1:1/", types=("request.waiting",))
    )
    village.tell("keeper", village.request())
    run(made)
    assert waiting(village) == 1
    village.now += pace.GIVE_UP_S + 1
    run(made)
    assert waiting(village) == 0


def test_an_office_system_gets_a_backlog_in_order_and_in_parts(village: Village, receiver: Receiver, tmp_path: Path):
    made = new_teller(village, tmp_path, a_hook(receiver, village))
    with village.context.turn() as turn:
        for number in range(MAX_JOBS + 5):
            news.tell(turn.tx, village.site, "oa", False, json.dumps({"id": f"msg_{number}", "type": "x"}), village.now)
    run(made)
    assert len(receiver.got) == MAX_JOBS
    run(made)
    assert [body["id"] for body in receiver.bodies()] == [f"msg_{number}" for number in range(MAX_JOBS + 5)]


def test_a_route_that_was_removed_is_told_nothing_more(village: Village, receiver: Receiver, tmp_path: Path):
    receiver.answers = [500]
    made = new_teller(village, tmp_path, a_hook(receiver, village))
    village.tell("keeper", village.request())
    run(made)
    routes.save(tmp_path, Routes())
    village.now += 3600
    run(made)
    assert waiting(village) == 0
    assert len(receiver.got) == 1


# --- webhooks ---


def test_a_webhook_is_signed_over_id_time_and_body(village: Village, receiver: Receiver, tmp_path: Path):
    hook = a_hook(receiver, village, types=("request.waiting",))
    made = new_teller(village, tmp_path, hook)
    raw = village.request()
    village.tell("keeper", raw)
    run(made)
    ((path, headers, body),) = receiver.got
    assert path == "/in"
    content = json.loads(body)
    assert (content["type"], content["request"]) == ("request.waiting", village.reference(raw).hex())
    assert headers["webhook-id"] == content["id"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(hook.secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_the_signature_is_that_of_the_standards_own_example():
    body = b'{"test": 2432232314}'
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the published example
    signed = webhook.sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int, village: Village, receiver: Receiver):
    receiver.answers = [status]
    with pytest.raises(TellingError, match="redirects are not followed"):
        webhook.post(a_hook(receiver, village), "msg_1", b"{}", 1)
    assert [path for path, _, _ in receiver.got] == ["/in"]


def test_apprise_follows_no_redirects_either(village: Village, receiver: Receiver, tmp_path: Path):
    receiver.answers = [307]
    made = new_teller(village, tmp_path, a_person(receiver, village, "2"))
    village.tell("keeper", village.request())
    run(made)
    assert [path for path, _, _ in receiver.got] == ["/2"]
    assert waiting(village) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"]
)
def test_addresses_of_this_network_are_not_spoken_to_unless_allowed(host: str, village: Village, receiver: Receiver):
    port = receiver.url.rpartition(":")[2]
    hook = a_hook(receiver, village, url=f"https://{host}:{port}/in", private=False)
    with pytest.raises(TellingError, match="not public"):
        webhook.post(hook, "msg_1", b"{}", 1)
    assert receiver.got == []


def test_a_name_is_looked_up_once_and_that_address_is_used(
    monkeypatch: pytest.MonkeyPatch, village: Village, receiver: Receiver
):
    looked: list[str] = []
    port = int(receiver.url.rpartition(":")[2])

    def lookup(host: str, *_: Any, **__: Any) -> list[Any]:
        looked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("socket.getaddrinfo", lookup)
    webhook.post(a_hook(receiver, village, url=f"http://oa.example:{port}/in"), "msg_1", b"{}", 1)
    assert "oa.example" in looked
    assert set(looked) <= {"oa.example", "127.0.0.1"}
    assert receiver.got[0][1]["host"] == f"oa.example:{port}"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1", True), ("100.64.0.1", False), ("224.0.0.1", False), ("0.1.2.3", False),
        ("64:ff9b::7f00:1", False), ("64:ff9b::808:808", True), ("2002:7f00:1::", False), ("fe80::1%eth0", False),
        ("fd00::1", False),
    ],
)  # fmt: skip
def test_what_is_a_public_address(address: str, public: bool):
    assert webhook.is_public(address) is public


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://a.example/", "https://u:p@a.example/", "https:///x", "x"])
def test_addresses_that_are_never_used(url: str):
    with pytest.raises(TellingError):
        webhook.check_url(Hook("oa", "00", url, webhook.new_secret()))


# --- the file ---


def test_the_file_is_written_for_its_owner_alone_and_read_back(tmp_path: Path, village: Village, receiver: Receiver):
    kept = Routes().with_route(a_hook(receiver, village, types=("case.opened",)))
    kept = kept.with_route(a_person(receiver, village, "role:2", "群", url='json://a/"\\é', wants=("alert",)))
    routes.save(tmp_path, kept)
    assert (tmp_path / routes.FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert routes.load(tmp_path) == kept
    assert kept.people[0].url not in repr(kept)
    assert kept.hooks[0].secret not in repr(kept)


def test_a_file_that_others_can_read_is_refused_and_the_routes_stay(
    village: Village, receiver: Receiver, tmp_path: Path
):
    made = new_teller(village, tmp_path, a_person(receiver, village, "2"))
    made.tick()
    (tmp_path / routes.FILE_NAME).chmod(0o644)
    with pytest.raises(RoutesError, match="chmod 600"):
        routes.load(tmp_path)
    village.tell("keeper", village.request())
    run(made)
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "text",
    [
        "person = 1", "[[people]]\n", "[[person]]\nname = 'a'",
        "[[webhook]]\nname = 3\nsite = 'x'\nurl='u'\nsecret='s'",
        "[[person]]\nname='a'\nsite='x'\nto='boss'\nurl='u'",
        "[[person]]\nname='a'\nsite='x'\nto='2'\nurl='u'\nlang='fr'",
        "[[person]]\nname='a'\nsite='x'\nto='2'\nurl='u'\ncolour='red'", "[[",
    ],
)  # fmt: skip
def test_a_wrong_file_is_named(text: str, tmp_path: Path):
    path = tmp_path / routes.FILE_NAME
    path.touch(0o600)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RoutesError):
        routes.load(tmp_path)


def test_every_type_has_words_in_both_languages():
    from sealhost.core.anomalies import KINDS

    for kind in ("request.waiting", "reminder.use", "case.opened"):
        item = {"type": kind, "code": "ABC", "seal": "居委会", "matter": 1, "impressions": 2, "until": 1}
        assert all(wording.message(item, lang, "")[1] for lang in routes.LANGUAGES)
    for name in KINDS:
        for lang in ("en", "zh"):
            plain = wording.message({"type": "case.opened"}, lang, "")[0]
            named = wording.message({"type": "case.opened", "case": {"kind": name}}, lang, "")[0]
            assert named.startswith(plain)
            assert len(named) > len(plain)


def test_the_daemons_thread_tells_by_itself(village: Village, receiver: Receiver, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(teller, "POLL_S", 0.02)
    made = new_teller(village, tmp_path, a_person(receiver, village, "2"))
    made.start()
    village.tell("keeper", village.request())
    assert receiver.came.wait(WAIT_S)
    made.stop()
