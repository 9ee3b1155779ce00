"""What the box says: the four rows of its display, Chinese and English at once, no personal data. Pure.

A row is what `screen` draws, 128 pixels wide:

* a row that begins with ⚠ is drawn dark on light: something is wrong with the box, or with a bay;
* what follows a tab stands at the right end;
* the number after a vertical tab stands there twice as large, over this row and the next; that one has it after a form
  feed.

A bay that serves a request shows the request's short code as long as it does, whatever else there is to say. What is
wrong with the box comes before what may wait; several things are said in turn.
"""

from micropython import const
from sealwire.messages import short_code

from sealbox import states
from sealbox.board import ticks_diff

_TURN_MS = const(3000)  # of what is said in turn

_NUMBERS = const("❶❷❸❹")

# Every text in one string, for the memory's sake: line n is text n. Where | stands, the next row begins. After a change
# of characters, firmware/make_glyphs.py.
_TEXTS = const("""\
已锁 locked
打开 opening
已开 open
关闭 closing
卡住 jammed
已锁|locked
正在打开|opening
已打开 剩\v%d|open, left\f%d
正在关闭|closing
⚠卡住 请找人|jammed, get help
紧急|urgent
紧急 正在打开|urgent: opening
紧急 剩\v%d|urgent left\f%d
紧急 正在关闭|urgent: closing
⚠卡住 请找人|jammed, get help
已锁 locked
正在打开 opening
剩%d次 %d left
正在关闭 closing
⚠卡住 jammed
急 locked
紧急打开 opening
急剩%d次 %d left
紧急关闭 closing
⚠卡住 jammed
已锁|lock
打开|open
已开|open
关闭|shut
卡住|jam
无章 no seal
⚠防拆报警|tampered
⚠电量不足|battery low
⚠日志故障|log failed
⚠时钟丢失|clock lost
⚠日志已满|log full
等待名册|no roster yet
离线|offline
等待主机|waiting for host
电池供电|on battery
就绪|ready
正在启动|starting
未设置 not set up|长按 hold button|本机码 box code|%s
社区码 site code|%s|本机码 box code|%s
⚠故障|out of order|%s|%s
""")

# Five texts each, one for each state of a bay.
_IDLE = const(0)  # serves nothing: one row
_ALONE = const(5)  # the only one that serves: two rows below the request's code
_BESIDE = const(15)  # one of two that serve: one row below the request's code
_URGENT = const(5)  # by a rule for emergencies: so many lines below
_BRIEF = const(25)  # serves while something is wrong with the box: beside the request's code, in turn

_NO_SEAL = const(30)
_TAMPERED = const(31)
_BATTERY_LOW = const(32)
_LOG_FAILED = const(33)
_CLOCK_LOST = const(34)
_LOG_FULL = const(35)
_NO_ROSTER = const(36)
_OFFLINE = const(37)
_NO_HOST = const(38)
_ON_BATTERY = const(39)
_READY = const(40)
STARTING = 41
UNSET = 42
TOLD = 43
BROKEN = 44


def said(number: int, *parts: str) -> "list[str]":
    """The rows before the box is in use: STARTING; UNSET, with the box's code; TOLD, just set up, with the codes of
    site and box, to be compared with those on the computer; BROKEN, with two rows about why it cannot work."""
    return (_text(number) % parts).split("|")


def rows(box: object, online: bool, unanswered: bool, now: int) -> "list[str]":
    """The display in use. ``unanswered``: no host has acknowledged what the box sent; ``now`` in ticks."""
    turn = now // _TURN_MS
    serving, idle = [], []
    for bay in box.bays:
        (idle if bay.request is None else serving).append(bay)
    notices = _notices(box, online, unanswered, bool(serving))
    shown = []
    if notices:
        shown = _text(notices[turn % len(notices)]).split("|")
    elif len(serving) == 1:
        shown = _serving(serving[0], _ALONE, now)
    # Two rows for each bay that serves, and the rows that are left one for each of the others.
    beside = len(serving) > 1 and not notices
    for bays in (() if len(shown) == 3 else serving, idle):
        left = (4 - len(shown)) // (2 if beside else 1)
        for n in range(min(left, len(bays))):
            bay = bays[(turn * left + n) % len(bays)] if len(bays) > left else bays[n]
            shown += _serving(bay, _BESIDE, now) if beside else [_line(bay, turn)]
    return shown


def _notices(box: object, online: bool, unanswered: bool, serving: bool) -> "list[int]":
    """The texts about the whole box; while a bay serves a request only what closes it, or keeps its log from flash."""
    notices = []
    if box.journal.alarm or box.housing.alarm:
        notices.append(_TAMPERED)
    if box.housing.low:
        notices.append(_BATTERY_LOW)
    for bay in box.bays:
        if bay.state == states.LOCKED and bay.request is not None and _LOG_FAILED not in notices:
            notices.append(_LOG_FAILED)
    if serving:
        return notices
    if not box.journal.clock.is_set():
        notices.append(_CLOCK_LOST)
    if not box.journal.log.room():
        notices.append(_LOG_FULL)
    if box.gate.roster is None:
        notices.append(_NO_ROSTER)
    if not online:
        notices.append(_OFFLINE)
    elif unanswered:
        notices.append(_NO_HOST)
    if not box.board.mains_ok():
        notices.append(_ON_BATTERY)
    return notices or [_READY]


def _text(number: int) -> str:
    at = 0
    for _ in range(number):
        at = _TEXTS.find("\n", at) + 1
    return _TEXTS[at : _TEXTS.find("\n", at)]


def _line(bay: object, turn: int) -> str:
    """A bay's only row."""
    number = _NUMBERS[bay.number - 1 : bay.number]
    if bay.request is not None:
        return "%s%s\t%s" % (number, short_code(bay.request), _text(_BRIEF + bay.state).split("|")[turn & 1])
    return number + _text(_IDLE + bay.state if bay.seal or bay.state != states.LOCKED else _NO_SEAL)


def _serving(bay: object, texts: int, now: int) -> "list[str]":
    """Number and request, while it is open the seconds that are left; below, its state and the impressions left."""
    title = _NUMBERS[bay.number - 1 : bay.number] + short_code(bay.request)
    if bay.candidate is not None and bay.candidate.judgement.case.rule["break_glass"]:
        texts += _URGENT
    text = _text(texts + bay.state)
    if bay.state == states.OPEN:
        text = text % (bay.left, bay.left)
        seconds = 0 if bay.closes_at is None else max(0, (ticks_diff(bay.closes_at, now) + 999) // 1000)
        title += "\t%d:%02d" % (seconds // 60, seconds % 60) if seconds >= 100 else "\t%d秒" % seconds
    return [title] + text.split("|")
