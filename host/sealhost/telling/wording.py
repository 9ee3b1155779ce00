"""What people are told, in both languages: seal, matter code and short code, and never a name or a document."""

# ruff: noqa: E501 - a sentence stays in one piece, so that it can be found by searching for it
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

MAX_LINES = 10
"""Of a digest; the rest is a number."""

_WORDS: dict[str, tuple[str, str]] = {
    "request.waiting": ("A request waits for your decision", "有用印申请待您审批"),
    "request.approved": ("Your request was approved", "您的用印申请已获同意"),
    "request.denied": ("Your request was denied", "您的用印申请被否决"),
    "request.expired": ("Your request has expired", "您的用印申请已过期"),
    "request.failed": ("Your request can no longer be used", "您的用印申请已无法使用"),
    "reminder.decide": ("Time to decide runs out", "审批时限将到"),
    "reminder.use": ("Time to use the seal runs out", "用印时限将到"),
    "case.opened": ("Case to look at", "有情况待核查"),
    "test": ("Sealbox: a test", "印章盒通知测试"),
    "over_approved": ("more impressions than approved", "盖印次数超出批准"),
    "interrupted": ("power was cut while the bay was open", "用印中断电"),
    "jammed": ("the shutter was stuck", "闸门卡住"),
    "declared": ("reported and sensed counts differ", "回报次数与感应次数不符"),
    "other_chain": ("the box's log contradicts what is stored", "印章盒日志与已存记录矛盾"),
    "foreign_grant": ("opened by a grant that is not this host's", "以非本主机的授权开启"),
    "silent": ("the box has been silent for too long", "印章盒长时间无消息"),
    "report_missing": ("no report after use", "用印后未回报"),
    "tamper": ("tamper alarm", "防拆报警"),
    "forced": ("the shutter was moved by force", "闸门被强行移动"),
    "break_glass": ("break-glass use was requested", "发起特权用印"),
    "about": ("{code}: seal {seal}, matter {matter}, impressions {impressions}", "{code}：{seal}印章，事项 {matter}，印次 {impressions}"),
    "box": ("box {box}", "印章盒 {box}"),
    "until": ("until {when}", "截止 {when}"),
    "digest": ("Sealbox: {count} messages", "印章盒：{count} 条通知"),
    "more": ("and {count} more", "另有 {count} 条"),
}  # fmt: skip


def _say(lang: str, key: str, **values: object) -> str:
    return _WORDS[key][lang == "zh"].format(**values)


def _languages(lang: str) -> tuple[str, ...]:
    return ("zh", "en") if lang == "both" else (lang,)


def message(item: dict[str, Any], lang: str, app_url: str) -> tuple[str, str]:
    """(title, body) of one item."""
    title = " / ".join(_title(item, one) for one in _languages(lang))
    lines = [line for one in _languages(lang) for line in [_line(item, one)] if line]
    link = _link(item, app_url)
    return title, "\n".join([*lines, *([link] if link else [])]) or title


def digest(items: Sequence[dict[str, Any]], lang: str, app_url: str) -> tuple[str, str]:
    """(title, body) of many items in one message."""
    lines: list[str] = []
    for one in _languages(lang):
        counts = Counter(_title(item, one) for item in items)
        lines += [f"{title} × {count}" for title, count in counts.items()]
        lines += [f"- {_title(item, one)}：{_line(item, one)}" for item in items[:MAX_LINES]]
        if len(items) > MAX_LINES:
            lines.append(_say(one, "more", count=len(items) - MAX_LINES))
    title = " / ".join(_say(one, "digest", count=len(items)) for one in _languages(lang))
    return title, "\n".join([*lines, *([app_url] if app_url else [])])


def _title(item: dict[str, Any], lang: str) -> str:
    if item["type"] not in _WORDS:
        return str(item["type"])
    title = _say(lang, item["type"])
    kind = item.get("case", {}).get("kind")
    if kind in _WORDS:
        title += ("：" if lang == "zh" else ": ") + _say(lang, kind)
    return title


def _line(item: dict[str, Any], lang: str) -> str:
    parts = []
    if item.get("code"):
        named = {name: item.get(name, "") for name in ("code", "seal", "matter", "impressions")}
        parts.append(_say(lang, "about", **named))
    elif item.get("box"):
        parts.append(_say(lang, "box", box=item["box"][:8]))
    if item.get("until") and not item.get("case"):
        when = datetime.fromtimestamp(item["until"], UTC).astimezone().strftime("%Y-%m-%d %H:%M")
        parts.append(_say(lang, "until", when=when))
    return ("；" if lang == "zh" else "; ").join(parts)


def _link(item: dict[str, Any], app_url: str) -> str:
    if not app_url:
        return ""
    return f"{app_url.rstrip('/')}/#/request/{item['request']}" if item.get("request") else app_url
