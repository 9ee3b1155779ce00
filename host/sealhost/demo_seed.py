"""The demo's first half: a host, a box and a site with its people, made with the commands that a real site uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sealwire import chain, topics

from sealhost.demo_stage import WAIT_S, Fields, Stage, expect, sealhost

PARTY, COMMITTEE = 1, 2
"""The bays."""

SEALS = {PARTY: "党支部", COMMITTEE: "居委会"}
SITE_NAME = "幸福社区居民委员会"
PEOPLE = (  # number, folder, name, roles
    (1, "keeper", "王芳", ("keeper",)),
    (2, "officer-1", "李强", ("officer", "secretary")),
    (3, "officer-2", "张敏", ("officer", "director")),
    (4, "officer-3", "陈静", ("officer",)),
    (5, "auditor", "赵磊", ("auditor",)),
)
NAMES = {folder: name for _, folder, name, _ in PEOPLE}
MATTERS = Path(__file__).parent / "samples" / "matters.csv"
"""A neighbourhood committee's list; what other offices do now is on it as abolished, with the office that does."""
RESIDENCE, HARDSHIP = 101, 102
LAST_DAY = "2099-12-31"


def authority(stage: Stage, *words: object) -> Fields:
    """A command of the authority's."""
    return sealhost("authority", *words, "--home", stage.folder("authority"))


def start_host(stage: Stage) -> str:
    """The authority's key first: the host is set up to trust nothing else."""
    made = authority(stage, "init", "--name", "街道办事处")
    stage.site = bytes.fromhex(made["site"])
    key = stage.home / "authority.pub"
    key.write_text(made["public"] + "\n", encoding="utf-8")
    stage.result["authority_key"] = str(key)
    sealhost(
        *("init", "--home", stage.folder("host"), "--site-name", SITE_NAME),
        *("--site", made["site"], "--authority", key),
    )
    info = stage.start_host()
    authority(stage, "init", *stage.people_words(info), "--host-url", info["http"])
    where = info["broker"] if stage.fence is None else f"Mosquitto with TLS at {info['broker']}"
    line = "" if stage.line is None else "; the box will be on a serial line"
    return f"host at {info['http']}, broker at {where}{line}"


def set_up_box(stage: Stage) -> str:
    """Over the box's USB console, with its button held, comparing the code on its display."""
    box = stage.start_box()
    box.wait_display("not set up", WAIT_S)
    info = _run_info(stage)
    box.hold_button()
    found = sealhost(
        *("box", "provision", "--port", box.console_path, "--site", stage.site.hex()),
        *("--authority", stage.result["authority_key"], *stage.box_words(info)),
    )
    box.release_button()
    if stage.line is not None:
        stage.line.plug(box.console_path)
    stage.kid = bytes.fromhex(found["kid"])
    (stage.home / "box.pub").write_text(found["public"] + "\n", encoding="utf-8")
    box.wait_display("no roster", WAIT_S)
    shown = [line for lines in box.displays() for line in lines]
    expect(any(found["site_code"] in line for line in shown), "the box showed another code than the computer")
    return f"box {found['code']}, set up over USB with its button held; both show {found['site_code']}"


def _run_info(stage: Stage) -> dict[str, Any]:
    from sealhost.app import run_info

    info = run_info(stage.folder("host"))
    expect(info, "the host is gone")
    assert info is not None
    return info


def enrol_people(stage: Stage) -> str:
    """Each makes a key of their own; the authority takes them into its draft."""
    info = _run_info(stage)
    authority(stage, "roster", "new")
    for number, folder, name, roles in PEOPLE:
        token = authority(stage, "enrol", "token", "--name", name)["token"]
        enrolled = sealhost(
            *("officer" if "officer" in roles else "keeper", "enrol", "--home", stage.folder(folder)),
            *("--name", name, "--site", stage.site.hex(), "--authority", stage.result["authority_key"]),
            *("--token", token, *stage.people_words(info), "--host-url", info["http"]),
        )
        listed = [word for role in roles for word in ("--role", role)]
        authority(*(stage, "enrol", "add", enrolled["file"], "--number", number, *listed, "--until", LAST_DAY, "--yes"))
    return ", ".join(f"{roles[0]} {name}" for _, _, name, roles in PEOPLE)


def publish_roster(stage: Stage) -> str:
    """Rules, box and host into the draft; matter list and roster signed and published; the box takes the roster."""
    assert stage.wire is not None
    assert stage.box is not None
    times = ("--open", "60 s", "--wait", "1 day", "--use", "1 day")
    authority(stage, "roster", "add-rule", "--matter", 201, "--group", "officer:3", *times)
    authority(
        *(stage, "roster", "add-rule", "--matter", RESIDENCE, "--matter", HARDSHIP, "--group", "officer:2", *times)
    )
    authority(stage, "roster", "add-host", "--key", stage.folder("host") / "host.pub")
    bays = [word for bay, seal in SEALS.items() for word in ("--bay", f"{bay}:{seal}:{bay}")]
    authority(stage, "roster", "add-box", "--key", stage.home / "box.pub", *bays)
    authority(stage, "matters", "import", MATTERS)
    authority(stage, "matters", "sign", "--yes")
    signed = authority(stage, "roster", "sign", "--yes")
    authority(stage, "roster", "publish")
    authority(stage, "matters", "publish")
    stage.wire.entry(chain.ROSTER, lambda entry: bool(entry["version"] == signed["version"]))
    stage.box.wait_display("ready", WAIT_S)
    return f"roster {signed['version']}: 党支部 needs 3 officers, 居委会 needs 2; the box holds it"


def topic_to_box(stage: Stage, sender: bytes) -> str:
    """Where a sender's messages reach the box."""
    return topics.box_in(stage.site, stage.kid, sender)
