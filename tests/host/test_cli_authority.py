"""The authority's commands, against a stand-in host on a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sealhost.cli_authority import authority_app
from sealhost.cli_people import keeper_app
from sealhost.client import draft, draft_text, matter_list
from sealhost.client.errors import ClientError
from sealhost.client.profile import Profile
from sealhost.core.matters import list_digest
from sealhost.signing import keys
from sealwire import cose, errors, messages
from sealwire.roster import check_roster

from tests.brokers import Broker, rumqttd  # noqa: F401
from tests.host.people import SITE, Site, StandIn, origin, rule, run, run_json

ZONE = "Asia/Shanghai"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "authority"
    run_json(authority_app, made, "init", "--site", SITE.hex(), "--timezone", ZONE)
    return made


@pytest.fixture
def drafted(home: Path) -> Path:
    """A home with a draft that can be signed."""
    run_json_roster(home, "new")
    run_json_roster(home, "add-rule", "--matter", "101", "--matter", "102", "--group", "officer:2")
    host = keys.generate().public_key.hex()
    run_json_roster(home, "add-host", "--key", host)
    run_json_roster(home, "add-box", "--key", keys.generate().public_key.hex(), "--bay", "1:居委会:1")
    run_json_roster(home, "add-person", "--name", "王芳", "--role", "keeper", "--until", "2030-12-31")
    return home


@pytest.fixture
def host(tmp_path: Path, rumqttd: Broker) -> Iterator[StandIn]:  # noqa: F811
    site = Site(tmp_path / "site", broker_url=f"mqtt://{rumqttd.host}:{rumqttd.port}", host_url="http://127.0.0.1:1")
    site.enrol()
    started = StandIn(site, rumqttd)
    yield started
    started.stop()


def run_json_roster(home: Path, command: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    from sealhost.cli_roster import roster_app

    forced = ["--force"] if command == "sign" else []  # most drafts here list nobody who could decide
    return run_json(roster_app, home, command, *arguments, *forced, code=code)


def run_json_matters(home: Path, command: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    from sealhost.cli_authority import matters_app

    return run_json(matters_app, home, command, *arguments, code=code)


def run_json_enrol(home: Path, command: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    from sealhost.cli_authority import enrol_app

    return run_json(enrol_app, home, command, *arguments, code=code)


def connect(home: Path, host: StandIn) -> None:
    """Point an authority's folder to the stand-in, and the stand-in's key into its draft."""
    run_json(authority_app, home, "init", "--broker", host.site.broker_url, "--host-url", host.url)
    run_json_roster(home, "add-host", "--key", host.site.host.public_key.hex())


def test_init_keeps_the_key_and_makes_it_private(home: Path) -> None:
    first = run_json(authority_app, home, "init")
    again = run_json(authority_app, home, "init", "--broker", "mqtt://elsewhere")
    assert first["public"] == again["public"]
    assert first["site"] == SITE.hex()
    assert (home / "key.pem").stat().st_mode & 0o077 == 0
    settings = Profile.open(home).settings
    assert (settings.broker, settings.timezone) == ("mqtt://elsewhere", ZONE)


def test_a_draft_made_by_commands_is_a_roster_that_the_box_would_take(drafted: Path) -> None:
    signed = run_json_roster(drafted, "sign")
    roster = messages.read(Path(signed["file"]).read_bytes(), SITE, (messages.ROSTER,))
    assert Path(signed["file"]).name == f"roster-000001-{Profile.open(drafted).signer.kid.hex()}.cose"
    roster.check(Profile.open(drafted).signer.public_key, keys.verify)
    check_roster(roster.fields)
    assert roster["version"] == 1
    assert roster["rules"][0] | {"impressions": 5, "open_seconds": 60} == rule(
        wait_seconds=3 * 86400, use_seconds=86400
    )
    assert roster["people"][0]["until"] == 1924963199  # 2030-12-31 23:59:59 in Shanghai


def test_words_say_what_a_draft_means_in_both_languages(drafted: Path) -> None:
    from sealhost.cli_roster import roster_app

    english = run(roster_app, drafted, "show", "--lang", "en").output
    assert "matters 101-102; raised by a keeper; needs 2 x officer" in english
    assert "Person 1 王芳: keeper; " in english
    assert "须经 2 x 审批人" in run(roster_app, drafted, "show", "--lang", "zh").output


def test_a_draft_reads_back_as_the_roster_it_was_written_from(tmp_path: Path) -> None:
    site = Site(tmp_path, broker_url="mqtt://b", host_url="http://h")
    site.enrol()
    odd = rule(number=2, matters=[7], open_seconds=61, wait_seconds=90, groups=[{"role": 9, "least": 1}], break_glass=1)
    fields = site.roster_fields(3, rules=[rule(), odd], releases=[b"\x05" * 32], matters=b"\x06" * 32)
    fields["people"][0]["from"] = 1_700_000_001
    path = tmp_path / "draft.toml"
    zone = site.profiles["keeper"].zone
    path.write_text(draft_text.render(fields, zone, "…"), encoding="utf-8")
    assert draft.fields(draft.load(path), version=3, issued=fields["issued"], zone=zone) == fields


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('roles = ["keeper"]', 'roles = ["keper"]', "王芳"),
        ('name = "王芳"', 'nmae = "王芳"', "nmae?"),
        ("threshold = 1", "threshold = 2", "threshold_range"),
        ('open = "2 min"', 'open = "two minutes"', "two minutes"),
        ("rules = [1]", "rules = [2]", "unknown_rule_number"),
        ("[[host]]", "[[host", "draft"),
    ],
)
def test_a_wrong_draft_is_named_with_its_place_and_not_signed(drafted: Path, old: str, new: str, named: str) -> None:
    path = drafted / "draft.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    error = run_json_roster(drafted, "sign", code=1)
    assert error["error"] == "draft_wrong"
    assert named in error["detail"]
    assert not (drafted / "papers").exists()


def test_a_roster_too_large_for_a_message_is_refused_before_it_is_signed(drafted: Path) -> None:
    path = drafted / "draft.toml"
    people = "".join(
        f'[[person]]\nnumber = {number}\nname = "{"x" * 24}"\nroles = ["officer"]\nfrom = 2026-01-01\n'
        f"until = 2030-01-01\nkeys = [{', '.join(repr(keys.generate().public_key.hex()) for _ in range(4))}]\n"
        for number in range(2, 64)
    )
    path.write_text(path.read_text(encoding="utf-8") + "\n" + people, encoding="utf-8")
    assert run_json_roster(drafted, "sign", code=1)["error"] in ("roster_too_large", "draft_wrong")


def test_edits_keep_what_people_wrote_into_the_draft(drafted: Path) -> None:
    path = drafted / "draft.toml"
    text = path.read_text(encoding="utf-8").replace("[[host]]", "# ask Li about this one\n[[host]]")
    path.write_text(text, encoding="utf-8")
    run_json_roster(drafted, "add-person", "--name", "李强", "--role", "officer", "--until", "2030-12-31")
    run_json_roster(drafted, "remove-person", "1")
    changed = path.read_text(encoding="utf-8")
    assert "# ask Li about this one" in changed
    assert [row["name"] for row in draft.load(path)["person"]] == ["李强"]
    assert run_json_roster(drafted, "remove-person", "1", code=1)["error"] == "unknown_person"


def test_publishing_waits_for_the_receipt_and_the_next_version_follows(drafted: Path, host: StandIn) -> None:
    connect(drafted, host)
    run_json_roster(drafted, "sign")
    assert run_json_roster(drafted, "publish") == {"version": 1, "result": "accepted"}
    assert run_json_roster(drafted, "diff")["changes"] == []
    run_json_roster(drafted, "add-person", "--name", "李强", "--role", "officer", "--until", "2030-12-31")
    (change,) = run_json_roster(drafted, "diff", "--lang", "en")["changes"]
    assert change.startswith("+ Person 2 李强")
    assert run_json_roster(drafted, "sign")["version"] == 2
    run_json_roster(drafted, "publish")
    assert [one["version"] for one in host.said(messages.ROSTER)] == [1, 2]


def test_a_version_that_may_have_reached_the_host_is_never_signed_with_other_content(
    drafted: Path, host: StandIn
) -> None:
    connect(drafted, host)
    host.silent = True
    run_json_roster(drafted, "sign")
    assert run_json_roster(drafted, "publish", "--timeout", "0.5", code=3)["error"] == "no_receipt"
    assert run_json_roster(drafted, "sign")["version"] == 2
    assert run_json_roster(drafted, "sign", "--version", "1", code=1)["error"] == "version_used"


def test_publishing_again_sends_the_same_roster(drafted: Path, host: StandIn) -> None:
    connect(drafted, host)
    host.silent = True
    run_json_roster(drafted, "sign")
    run_json_roster(drafted, "publish", "--timeout", "0.5", code=3)
    host.silent = False
    run_json_roster(drafted, "publish")
    assert len({one.reference for one in host.said(messages.ROSTER)}) == 1


def test_two_authority_keys_sign_one_roster_before_it_is_published(tmp_path: Path, host: StandIn) -> None:
    homes = [tmp_path / "a", tmp_path / "b"]
    publics = [run_json(authority_app, one, "init", "--site", SITE.hex())["public"] for one in homes]
    for mine, other in ((0, 1), (1, 0)):
        options = ["--other", publics[other], "--threshold", "2", "--broker", host.site.broker_url]
        run_json(authority_app, homes[mine], "init", *options, "--host-url", host.url)
    run_json_roster(homes[0], "new")
    run_json_roster(homes[0], "add-host", "--key", host.site.host.public_key.hex())
    first = run_json_roster(homes[0], "sign")
    assert run_json_roster(homes[0], "publish", code=1)["error"] == "not_enough_signatures"
    second = run_json_roster(homes[1], "countersign", first["file"])
    run_json_roster(homes[0], "publish", second["file"])
    rosters = host.said(messages.ROSTER)
    assert len({one.kid for one in rosters}) == 2
    assert len({one.payload for one in rosters}) == 1


def test_a_roster_of_a_stranger_is_not_countersigned(drafted: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    run_json(authority_app, other, "init", "--site", SITE.hex())
    run_json_roster(other, "new")
    signed = run_json_roster(other, "sign")
    assert run_json_roster(drafted, "countersign", signed["file"], code=1)["error"] == "unknown_signer"


def test_enrolment_brings_a_new_key_into_the_draft_once(drafted: Path, tmp_path: Path) -> None:
    token = run_json_enrol(drafted, "token", "--name", "王芳")["token"]
    person = tmp_path / "person"
    authority = Profile.open(drafted).signer.public_key.hex()
    options = ["--name", "王芳", "--site", SITE.hex(), "--authority", authority, "--token", token]
    made = run_json(keeper_app, person, "enrol", *options, "--broker", "mqtt://b", "--host-url", "http://h")
    shown = run_json_enrol(drafted, "show", made["file"])
    assert (shown["name"], shown["code"]) == ("王芳", made["code"])
    assert made["code"] == messages.long_code(cose.key_id(bytes.fromhex(made["public"])))
    run_json_enrol(drafted, "add", made["file"])
    assert draft.load(drafted / "draft.toml")["person"][0]["keys"] == [made["public"]]
    assert run_json_enrol(drafted, "add", made["file"], code=1)["error"] == "key_present"
    thief = tmp_path / "thief"
    stolen = run_json(keeper_app, thief, "enrol", *options, "--broker", "mqtt://b", "--host-url", "http://h")
    error = run_json_enrol(drafted, "add", stolen["file"], code=1)
    assert error["error"] == "unknown_token"


def test_an_enrolment_signed_by_another_key_is_refused(drafted: Path, tmp_path: Path) -> None:
    token = bytes.fromhex(run_json_enrol(drafted, "token", "--name", "王芳")["token"])
    signer, other = keys.generate(), keys.generate()
    fields = {"name": "王芳", "kind": 1, "public": other.public_key, "token": token}
    file = tmp_path / "enrol.cose"
    file.write_bytes(messages.build(messages.ENROL, fields, SITE, signer.public_key, signer.sign))
    assert run_json_enrol(drafted, "add", str(file), code=1)["error"] == "unknown_signer"


def test_matter_list_goes_from_a_spreadsheet_into_roster_and_host(drafted: Path, host: StandIn, tmp_path: Path) -> None:
    connect(drafted, host)
    sheet = tmp_path / "list.csv"
    lines = ["编号,事项,印章,所需材料,需决议,已取消,责任人"]
    lines += [
        f"{code},{'开具居住证明' * 6},居委会,身份证,{'是' if code == 101 else ''},,王芳" for code in range(101, 221)
    ]
    sheet.write_text("\n".join(lines), encoding="utf-8-sig")
    imported = run_json_matters(drafted, "import", str(sheet))
    assert imported["count"] == 120
    assert imported["parts"] > 1
    signed = run_json_matters(drafted, "sign")
    assert draft.load(drafted / "draft.toml")["matters"] == signed["digest"]
    run_json_roster(drafted, "sign")
    run_json_matters(drafted, "publish")
    parts = sorted(host.said(messages.MATTERS), key=lambda part: part["part"])
    assert list_digest([part.payload for part in parts]).hex() == signed["digest"]
    assert [item["code"] for part in parts for item in part["items"]] == list(range(101, 221))
    assert parts[0]["items"][0]["resolution"] == 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("code,wording,seal\n1,,居委会\n", "wording"),
        ("code,wording,seal\nx,a,b\n", "code"),
        ("code,wording,seal\n1,a,b\n1,c,d\n", "x2"),
        ("code,wording,colour\n1,a,b\n", "colour"),
        ("code,wording,seal,resolution\n1,a,b,maybe\n", "resolution"),
    ],
)
def test_a_wrong_matter_list_is_named_with_its_place(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ClientError) as caught:
        matter_list.read(path)
    assert caught.value.key == "list_wrong"
    assert named in str(caught.value)


def test_a_reset_is_anchored_in_the_boxs_last_checkpoint(drafted: Path, host: StandIn) -> None:
    connect(drafted, host)
    host.site.authority = Profile.open(drafted).signer  # the stand-in signs in whom it knows
    run_json_roster(drafted, "add-box", "--key", host.site.box.public_key.hex(), "--bay", "1:党支部:1")
    signed = run_json_roster(drafted, "sign")
    run_json_roster(drafted, "publish")
    host.rosters = [Path(signed["file"]).read_bytes()]
    host.log([origin(host.site)])
    host.checkpoint()
    code = messages.long_code(host.site.box.kid)
    assert len(code) == 19
    assert code.startswith(messages.short_code(host.site.box.kid))
    run_json(authority_app, drafted, "reset", "--box", code, "--clears", "tamper,clock")
    (reset,) = host.said(messages.RESET)
    assert (reset["box"], reset["clears"]) == (host.site.box.kid, 3)
    assert (reset["anchor_seq"], reset["anchor_head"]) == (host.seq, host.head)


def test_a_refused_roster_names_the_hosts_reason(drafted: Path, host: StandIn) -> None:
    connect(drafted, host)
    host.results[messages.ROSTER] = errors.ROSTER_STEP
    run_json_roster(drafted, "sign")
    assert run_json_roster(drafted, "publish", code=1)["error"] == "roster_step"
