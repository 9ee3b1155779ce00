"""A backup holds the whole host, a restored host gets back what came after it, and no damaged file is restored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sealhost.client.api import Api
from sealhost.client.errors import ClientError
from sealhost.client.profile import Kept, Profile
from sealhost.client.profile import Settings as ClientSettings
from sealhost.config import FILE_NAME, Settings
from sealhost.services.access import Access
from sealhost.services.host import Host
from sealhost.services.views import Views
from sealhost.signing import keys
from sealhost.store.database import Database
from sealhost.upkeep import UpkeepError, archive, settings_of
from sealhost.web.api import create_app
from sealhost.web.server import WebServer
from sealwire import errors, messages

from tests.databases import Cluster
from tests.host.village import DAY, Village, rule

PASSPHRASE = "three seals and a box"


def home_of(folder: Path, village: Village, url: str) -> Settings:
    """A home with this database."""
    folder.mkdir()
    (folder / FILE_NAME).write_text(f"database_url = {json.dumps(url)}\n", encoding="utf-8")
    keys.create(folder / "host.key")
    return settings_of(folder)


def move(village: Village, url: str) -> None:
    """The village's host goes on with another database."""
    village.database.close()
    village.database = village.context.database = Database(url)
    village.context.rosters.clear()
    village.context.unproven.clear()
    village.service, village.views = Host(village.context), Views(village.context)
    village.retained.clear()
    village._to_host.clear()


def go_back(village: Village, file: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The database is lost; the host is brought back from `file`."""
    if village.database._engine.dialect.name == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        url = cluster.new_database()
    else:
        url = f"sqlite:///{tmp_path / 'back.db'}"
    archive.restore(file, tmp_path / "back", None, url, village.now)
    move(village, url)


def test_host_that_came_back_gets_from_box_and_people_what_its_backup_lacks(
    village: Village, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
):
    settings = home_of(tmp_path / "home", village, database_url)
    open_before = village.request(bay=2, expires=village.now + DAY)
    assert village.tell("keeper", open_before) == "accepted"
    archive.create(settings, "", tmp_path / "file", None, village.now)
    village.now += 900
    used = village.approved()
    assert village.state(used) == "finished"
    decided = village.decide("first", open_before)
    assert village.tell("first", decided) == "accepted"
    approvals = {who: village.decide(who, used) for who in ("first", "second")}
    fields = {"request": village.reference(used), "impressions": 2, "photographs": [bytes(32)]}
    report = village.sign("keeper", messages.REPORT, **fields)
    assert village.tell("keeper", report) == "accepted"
    seq = village.box.seq

    village.now += 1200
    go_back(village, tmp_path / "file", tmp_path, request)
    village.now += 2500  # by now, nobody could send the first of these for the first time
    assert village.shown(open_before)["state"] == "waiting"
    village.box.hello()
    village.run()
    assert village.views.boxes(village.site)[0]["proven_seq"] == village.box.acked == seq == village.box.seq
    # In any order: a decision may come before its request.
    assert village.tell("second", approvals["second"]) == "accepted"
    assert village.tell("keeper", report) == "accepted"
    assert village.tell("keeper", used) == "accepted"
    assert village.tell("first", approvals["first"]) == "accepted"
    assert village.tell("first", decided) == "accepted"
    shown = village.shown(used)
    assert (shown["state"], shown["proven"], shown["pressed"]) == ("finished", True, 2)
    assert len(shown["messages"]) == 4
    assert village.box.opened == [village.reference(used)]


def test_open_requests_go_on_after_a_restore(
    village: Village, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
):
    settings = home_of(tmp_path / "home", village, database_url)
    open_before = village.request()
    assert village.tell("keeper", open_before) == "accepted"
    assert village.tell("first", village.decide("first", open_before)) == "accepted"
    archive.create(settings, "", tmp_path / "file", None, village.now)
    go_back(village, tmp_path / "file", tmp_path, request)
    village._publish(village.service.reconnected())
    assert open_before in village.inbox("second")
    assert village.tell("second", village.decide("second", open_before)) == "accepted"
    assert village.state(open_before) == "finished"


def test_lateness_is_excused_only_for_what_the_backup_may_lack(
    village: Village, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
):
    settings = home_of(tmp_path / "home", village, database_url)
    archive.create(settings, "", tmp_path / "file", None, village.now)
    village.now += 60
    lost = village.request()
    assert village.tell("first", village.decide("first", lost)) == "unknown_request"
    go_back(village, tmp_path / "file", tmp_path, request)
    village.now += 7200
    late = village.request(created=village.now - 4000, expires=village.now - 400, attended=village.now - 4000)
    assert village.tell("keeper", late) == "waiting_expired"
    forged = village.decide("first", lost, decided=village.now - 7260)
    assert village.tell("first", forged[:-1] + bytes([forged[-1] ^ 1])) == "bad_signature"
    assert village.tell("keeper", lost) == "accepted"
    assert village.tell("first", village.decide("first", late)) == "unknown_request"
    village.now += 40 * DAY
    people = [dict(person, until=village.now + DAY) for person in village.message(village.roster())["people"]]
    assert village.tell("authority", village.roster(2, people=people, rules=[rule()])) == "accepted"
    other = village.sign(
        "first", messages.DECISION, request=b"\1" * 32, verdict=messages.APPROVE, reason=0,
        decided=village.now - 40 * DAY - 7200, roster=1,
    )  # fmt: skip
    assert village.tell("first", other) in ("unknown_request", "decided_outside_time")


def test_sign_in_tells_of_the_restore_once_it_happened(
    village: Village, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
):
    settings = home_of(tmp_path / "home", village, database_url)
    made = village.now
    assert Access(village.context).lacks() is None
    archive.create(settings, "", tmp_path / "file", None, made)
    village.now += 50
    go_back(village, tmp_path / "file", tmp_path, request)
    lacks = Access(village.context).lacks()
    assert lacks is not None
    assert made - 7200 <= int(lacks["since"]) <= made


def test_people_send_again_once_what_a_restored_host_lacks(
    village: Village, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
):
    settings = home_of(tmp_path / "home", village, database_url)
    archive.create(settings, "", tmp_path / "file", None, village.now)
    go_back(village, tmp_path / "file", tmp_path, request)
    server = WebServer(create_app(Access(village.context), village.views, lambda: {"ok": True}), "127.0.0.1", 0)
    server.start()
    (tmp_path / "keeper").mkdir()
    trusted = ClientSettings(village.site, (village.authority.public_key,), 1, host_url=server.url)
    profile = Profile(tmp_path / "keeper", trusted, village.keys["keeper"])
    kept = Kept(b"\1" * 32, "request", b"raw", (), village.now)
    profile.queue(kept)
    profile.settle(kept, errors.ACCEPTED)
    try:
        with Api(profile, lambda: [bytes(16)]) as elsewhere, pytest.raises(ClientError, match="roster"):
            elsewhere.requests()
        assert profile.waiting() == []
        for expected in ([kept], []):  # at the first sign-in after the restore, and never again
            with Api(profile, lambda: [village.host.kid]) as api:
                api.requests()
            assert profile.waiting() == expected
            for waiting in expected:
                profile.settle(waiting, errors.ACCEPTED)
    finally:
        server.stop()


@pytest.fixture
def made(tmp_path: Path) -> Settings:
    """The home of a host with SQLite, a CA's index and a broker's secret beside."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / FILE_NAME).write_text('listen = "127.0.0.1:0"\n', encoding="utf-8")
    keys.create(home / "host.key")
    (home / "broker.secret").write_bytes(b"secret")
    (home / "ca" / "issued").mkdir(parents=True)
    (home / "ca" / "index.json").write_bytes(b"{}")
    (home / "ca" / "issued" / "1.pem").write_bytes(b"certificate")
    settings = settings_of(home)
    database = Database(settings.database)
    database.upgrade()
    database.close()
    return settings


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_backup_holds_the_home_and_comes_back_the_same(made: Settings, tmp_path: Path, passphrase: str | None):
    file = tmp_path / "file"
    archive.create(made, "ab", file, passphrase, 1000)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (PASSPHRASE.encode() in file.read_bytes(), b"secret" in file.read_bytes()) == (False, False)
    assert archive.restore(file, tmp_path / "back", passphrase, None, 2000).made == 1000
    for name in (FILE_NAME, "host.key", "broker.secret", "ca/index.json", "ca/issued/1.pem"):
        assert (tmp_path / "back" / name).read_bytes() == (made.home / name).read_bytes()
        assert (tmp_path / "back" / name).stat().st_mode & 0o077 == 0
    assert keys.load(tmp_path / "back" / "host.key").kid == keys.load(made.key_file).kid
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "file", "home"]
    assert not list(made.home.glob(".backup-*"))


def test_sealed_backup_opens_by_its_passphrase_only(made: Settings, tmp_path: Path):
    file = tmp_path / "file"
    archive.create(made, "ab", file, PASSPHRASE, 1000)
    for wrong in (None, "another"):
        with pytest.raises(UpkeepError, match="passphrase"):
            archive.restore(file, tmp_path / "back", wrong, None, 2000)
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_no_changed_or_cut_backup_is_restored(made: Settings, tmp_path: Path, passphrase: str | None):
    file = tmp_path / "file"
    archive.create(made, "ab", file, passphrase, 1000)
    whole = file.read_bytes()
    places = range(0, len(whole), max(1, len(whole) // 12))
    broken = [whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :] for place in places]
    broken += [whole[:-30], whole[: len(whole) // 2], b"", whole[:20]]
    refused = 0
    for content in broken:
        file.write_bytes(content)
        try:
            archive.check(file, passphrase)
        except UpkeepError:
            refused += 1
    # Without a seal, a byte of gzip's header (its time) may change nothing that is restored.
    assert refused >= len(broken) - (1 if passphrase is None else 0)
    assert list(tmp_path.glob(".restore-*")) == []


def test_restore_writes_over_nothing(made: Settings, tmp_path: Path):
    file = tmp_path / "file"
    archive.create(made, "ab", file, None, 1000)
    with pytest.raises(UpkeepError, match="not written over"):
        archive.create(made, "ab", file, None, 1000)
    with pytest.raises(UpkeepError, match="not empty"):
        archive.restore(file, made.home, None, None, 2000)
    with pytest.raises(UpkeepError, match="--database-url"):
        archive.restore(file, tmp_path / "back", None, "postgresql+psycopg://nobody@/none", 2000)
