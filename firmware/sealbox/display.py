"""What the box says: a few lines of text, Chinese and English, no personal data. Pure."""

from sealwire.messages import long_code, short_code, site_code

from sealbox import states
from sealbox.board import ticks_diff

_STATES = ("已锁 locked", "正在打开 opening", "已打开 open", "正在关闭 closing", "卡住 jammed")


def unset(identity: object) -> "list[str]":
    """Before the box is set up."""
    return ["未设置 not set up", "按住按钮 hold button", long_code(identity.kid)]


def told(identity: object, fields: dict) -> "list[str]":
    """Just set up: both codes are to be compared with those on the computer."""
    code = site_code(fields["site"], fields["authority"], fields["threshold"])
    return ["请核对 compare", "主管 authority", code, "本机 box", long_code(identity.kid)]


def broken(what: str) -> "list[str]":
    """The box cannot work, and says why."""
    return ["故障 out of order", what]


def lines(box: object, online: bool, now: int) -> "list[str]":
    """The display in use: how the box is, then one line for each bay."""
    shown = [_about(box, online)]
    for bay in box.bays:
        shown.append("%d %s" % (bay.number, _bay(bay, now)))
    return shown


def _about(box: object, online: bool) -> str:
    journal = box.journal
    if journal.alarm:
        return "警报 tampered"
    if not journal.clock.is_set():
        return "时钟丢失 clock lost"
    if box.gate.roster is None:
        return "等待名册 no roster"
    return "就绪 ready" if online else "离线 offline"


def _bay(bay: object, now: int) -> str:
    text = _STATES[bay.state]
    if bay.request is None:
        return text if bay.seal else "印章不在 seal missing"
    text = short_code(bay.request) + " " + text
    if bay.state == states.OPEN:
        seconds = 0 if bay.closes_at is None else max(0, ticks_diff(bay.closes_at, now) // 1000)
        text += " 剩%d left %ds" % (bay.left, seconds)
    return text
