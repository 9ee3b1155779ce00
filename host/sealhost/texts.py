"""Every sentence that people read on the command line, in English and Chinese: the one place to change them.

`say(key, **values)` fills in a text of the language in use; `use` chooses it ("en" or "zh"), else the environment decides.
"""

# ruff: noqa: E501 - a sentence stays in one piece, so that it can be found by searching for it
from __future__ import annotations

import os
from contextvars import ContextVar

_language: ContextVar[str | None] = ContextVar("language", default=None)

LANGUAGES = ("en", "zh")

TEXTS: dict[str, tuple[str, str]] = {
    # words
    "role_1": ("keeper", "印章管理员"),
    "role_2": ("officer", "审批人"),
    "role_3": ("auditor", "审计人员"),
    "role_4": ("secretary", "书记"),
    "role_5": ("director", "主任"),
    "role_other": ("role {number}", "角色{number}"),
    "state_waiting": ("waiting", "待审批"),
    "state_approved": ("approved", "已同意"),
    "state_denied": ("denied", "已否决"),
    "state_expired": ("expired", "已过期"),
    "verdict_approve": ("approve", "同意"),
    "verdict_deny": ("deny", "否决"),
    "verdict_withdraw": ("withdraw the approval of", "撤回意见"),
    "kind_request": ("request", "用印申请"),
    "kind_ready": ("ready", "到场"),
    "kind_finish": ("finish", "结束用印"),
    "kind_report": ("report", "用印回报"),
    "kind_substitute": ("substitute", "代审委托"),
    "proven": ("proven by the box's signature", "经印章盒签名证实"),
    "proven_until": (
        "The box's signature proves it, up to its log entry {seq}.",
        "印章盒签名已证实以上内容（至日志第 {seq} 条）。",
    ),
    "usable_until": ("{state}, to be used until {when}", "{state}，可用至 {when}"),
    "not_proven": ("not yet proven", "尚待印章盒签名证实"),
    "sign_it": ("Sign?", "确认签署？"),
    "unprovable_here": (
        "The box has signed its log past this, but entries before it were missed here: see the host's ledger.",
        "印章盒已签署到此之后，但本机缺少此前的日志，请查看主机台账。",
    ),
    "nothing": ("Nothing here.", "没有内容。"),
    "case_closed": ("Case {id} ({kind}) is closed.", "情况 {id}（{kind}）已关闭。"),
    "case_not_yours": (
        "You cannot close this case: it needs somebody who is more than a keeper and did not raise the request; after break-glass, the authority.",
        "您不能关闭此情况：须由非申请人、且不只是印章管理员的人员关闭；特权用印须由主管单位关闭。",
    ),
    "case_line": ("{id}  {opened}  {kind}  {about}  {state}", "{id}  {opened}  {kind}  {about}  {state}"),
    "case_is_open": ("open", "待核查"),
    "case_is_closed": ("closed by {who}: {reason}", "由 {who} 关闭：{reason}"),
    "case_over_approved": ("more impressions than approved", "盖印次数超出批准"),
    "case_interrupted": ("power was cut while the bay was open", "用印中断电"),
    "case_jammed": ("the shutter was stuck", "闸门卡住"),
    "case_declared": ("reported and sensed counts differ", "回报次数与感应次数不符"),
    "case_other_chain": ("the box's log contradicts what is stored", "印章盒日志与已存记录矛盾"),
    "case_foreign_grant": ("opened by a grant that is not this host's", "以非本主机的授权开启"),
    "case_silent": ("the box has been silent for too long", "印章盒长时间无消息"),
    "case_report_missing": ("no report after use", "用印后未回报"),
    "case_tamper": ("tamper alarm", "防拆报警"),
    "case_forced": ("the shutter was moved by force", "闸门被强行移动"),
    "case_break_glass": ("break-glass use was requested", "发起特权用印"),
    # what goes wrong
    "no_profile": (
        "{home} is no profile folder. Make one with `enrol` (or `authority init`), or name it by --home.",
        "{home} 不是用户文件夹。请先用 enrol（或 authority init）建立，或用 --home 指明。",
    ),
    "bad_profile": ("{path} cannot be read: {detail}.", "无法读取 {path}：{detail}。"),
    "other_site": (
        "{home} belongs to another site already. Use a folder of its own for each site.",
        "{home} 已属于另一社区。每个社区请用单独的文件夹。",
    ),
    "unknown_timezone": (
        "This machine knows no time zone {name!r}. Write one like Asia/Shanghai, or leave it out.",
        "本机没有时区 {name!r}。请写如 Asia/Shanghai，或留空。",
    ),
    "bad_kept_message": ("{path} is damaged. Move it away and look what is missing.", "{path} 已损坏，请移走并核对。"),
    "rosters_differ": (
        "These roster messages do not carry the same roster. Sign one and the same draft.",
        "这些名册内容不一致。请对同一份草稿签名。",
    ),
    "no_roster": (
        "The site has no roster yet. The authority publishes it with `authority roster publish`.",
        "本社区尚无名册，请主管单位用 authority roster publish 发布。",
    ),
    "two_rosters": (
        "ALARM: there are two different rosters of version {version}. Tell the authority; nothing was signed.",
        "警告：存在两份不同的第 {version} 版名册。请告知主管单位；未签署任何内容。",
    ),
    "older_roster": (
        "The host offers roster {offered}, but {held} is known here already. Nothing was signed; tell the authority if it stays so.",
        "主机给出第 {offered} 版名册，而本机已有第 {held} 版。未签署任何内容；若持续如此请告知主管单位。",
    ),
    "not_in_roster": (
        "The roster does not list your key {code}. Give the authority your enrolment file and wait for the next roster.",
        "名册中没有您的密钥 {code}。请把登记文件交给主管单位，等待新名册。",
    ),
    "unknown_person": ("Nobody is called {text!r}. Known: {known}.", "没有 {text!r}。现有：{known}。"),
    "no_such_bay": ("There is no such bay. The site has: {places}.", "没有这样的印舱。本社区有：{places}。"),
    "which_bay": ("Which one? {places}.", "请选定其一：{places}。"),
    "matter_not_here": (
        "Matter {matter} is not stamped with {seal}. Its matters: {codes}.",
        "事项 {matter} 不由“{seal}”盖章。可办事项：{codes}。",
    ),
    "abolished": ("abolished", "已取消"),
    "matter_abolished": (
        "Matter {matter} is no longer stamped: the published list says it is abolished.",
        "事项 {matter} 已不再盖章：公布的清单显示其已取消。",
    ),
    "no_anchor": (
        "The box has signed no checkpoint that could be read, so a request cannot be tied to its log. Is it switched on and in the roster?",
        "读不到印章盒签名的检查点，无法把申请与其日志关联。请确认印章盒已开机并在名册中。",
    ),
    "no_such_request": ("There is no request {text!r}.", "没有申请 {text!r}。"),
    "which_request": (
        "{text!r} could mean several requests; write more of it.",
        "{text!r} 对应多个申请，请写得更完整。",
    ),
    "no_host_url": ("profile.toml names no host_url.", "profile.toml 中没有 host_url。"),
    "bad_host_url": (
        "The host_url in profile.toml cannot be used: {detail}.",
        "profile.toml 中的 host_url 无法使用：{detail}。",
    ),
    "no_broker": ("profile.toml names no broker.", "profile.toml 中没有 broker。"),
    "bad_broker": (
        "The broker in profile.toml cannot be used: {detail}.",
        "profile.toml 中的 broker 无法使用：{detail}。",
    ),
    "host_unreachable": ("The host at {url} does not answer ({detail}).", "主机 {url} 没有应答（{detail}）。"),
    "host_error": ("The host answered with an error: {status} {error}.", "主机返回错误：{status} {error}。"),
    "odd_answer": ("The host's answer cannot be understood ({detail}).", "无法理解主机的应答（{detail}）。"),
    "sign_in_refused": (
        "The host did not let you in ({error}). Does the current roster list your key?",
        "主机拒绝登录（{error}）。现行名册中有您的密钥吗？",
    ),
    "host_not_in_roster": (
        "This host signs with a key that your roster does not list ({kid}). Nothing was given to it; tell the authority.",
        "此主机的密钥不在您的名册中（{kid}）。未向其提交任何内容；请告知主管单位。",
    ),
    "wrong_digest": (
        "The host's file is not the one that was signed. Do not go by it; tell the keeper and the authority.",
        "主机给出的文件与签署的不符。请勿采信，并告知印章管理员和主管单位。",
    ),
    "details_missing": ("The host has no details for this request.", "主机没有该申请的详细内容。"),
    "details_unreadable": ("The details cannot be read.", "详细内容无法读取。"),
    "file_too_large": ("A file may have at most {most} MiB.", "文件最大 {most} MiB。"),
    "no_file": ("{path} cannot be read: {detail}.", "无法读取 {path}：{detail}。"),
    "broker_unreachable": (
        "The broker does not answer. What you signed is kept; run `send` later.",
        "消息服务器没有应答。已签署的内容已保存，稍后请运行 send。",
    ),
    "broker_refused": (
        "No connection: {detail}. What you signed is kept; run `send` later.",
        "无法连接：{detail}。已签署的内容已保存，稍后请运行 send。",
    ),
    "no_receipt": (
        "No receipt from the host within {seconds} s. The message is kept and goes out again with the next command or `send`; do not sign it anew.",
        "{seconds} 秒内没有收到主机回执。消息已保存，下次运行命令或 send 时会重发；请勿重新签署。",
    ),
    "files_not_sent": (
        "The host did not take the files ({detail}) The message is kept; run `send` later and do not sign it anew.",
        "主机未收下文件（{detail}）消息已保存，稍后请运行 send，勿重新签署。",
    ),
    "refused_by_host": ("The host refused it: {reason}.", "主机拒绝：{reason}。"),
    "refused_here": ("This would be refused: {reason}. It was not sent.", "此操作会被拒绝：{reason}。未发送。"),
    "wont_sign_unseen": (
        "Not signed: you would not see what you decide on. {detail}",
        "未签署：看不到审批的内容。{detail}",
    ),
    "already_decided": (
        "You have decided already: {verdict}. An approval cannot follow; a new request can.",
        "您已作出意见：{verdict}。之后不能再同意；可请重新申请。",
    ),
    "not_yours": ("This request is not yours.", "这不是您的申请。"),
    "no_challenge": (
        "The box did not answer within {seconds} s. Is it switched on and connected?",
        "印章盒 {seconds} 秒内没有应答。是否已开机并联网？",
    ),
    "not_seen_in_time": (
        "The box has said nothing of that within {seconds} s. The request stands; look again with `status`.",
        "{seconds} 秒内印章盒没有相应消息。申请仍有效，可用 status 查看。",
    ),
    "ended_without_opening": ("The request ended: {state}.", "申请已结束：{state}。"),
    "bad_hex": ("{name} must be {digits} hex digits.", "{name} 应为 {digits} 位十六进制数。"),
    "bad_date": ("{text!r} is no date. Write it like 2026-12-31.", "{text!r} 不是日期。请写如 2026-12-31。"),
    "stopped": ("Stopped. Nothing was signed.", "已停止，未签署。"),
    # keeper and officer
    "enrolled": (
        "Your key is made: {code}\nGive {path} to the authority, and read out the code {code} so that they can compare it.",
        "密钥已生成：{code}\n请把 {path} 交给主管单位，并念出代码 {code} 供其核对。",
    ),
    "will_sign_request": (
        "You sign this request:\n  seal:        {seal}\n  impressions: {impressions}\n  matter:      {matter}\n  document:    {title}\n"
        "  for:         {resident}\n  purpose:     {purpose}\n  attachments: {attachments}\n  decide by:   {expires}\n"
        "  opens by itself until {attended}; later you say `ready` at the box",
        "您将签署此用印申请：\n  印章：{seal}\n  印次：{impressions}\n  事项：{matter}\n  文件：{title}\n  申请人：{resident}\n  用途：{purpose}\n"
        "  附件：{attachments}\n  审批截止：{expires}\n  {attended} 之前自动开启；之后请在盒前运行 ready",
    ),
    "shown_request": (
        "Request {code}\n  seal:        {seal}\n  impressions: {impressions}\n  matter:      {matter}\n  document:    {title}\n"
        "  for:         {resident}\n  purpose:     {purpose}\n  attachments: {attachments}\n  raised by:   {raiser}\n  raised:      {created}\n"
        "  decide by:   {expires}\n  state:       {state}",
        "申请 {code}\n  印章：{seal}\n  印次：{impressions}\n  事项：{matter}\n  文件：{title}\n  申请人：{resident}\n  用途：{purpose}\n"
        "  附件：{attachments}\n  发起人：{raiser}\n  发起时间：{created}\n  审批截止：{expires}\n  状态：{state}",
    ),
    "host_says": ("  (the host says: {state})", "  （主机称：{state}）"),
    "decision_line": ("  {who}: {verdict}, {when}", "  {who}：{verdict}，{when}"),
    "request_line": (
        "{code}  {created}  {seal} x{impressions}  {title}  {state}",
        "{code}  {created}  {seal}×{impressions}  {title}  {state}",
    ),
    "code": ("Short code: {code} (the box shows the same)", "短码：{code}（应与印章盒显示一致）"),
    "accepted": ("The host has it: {what} {code}.", "主机已收妥：{what} {code}。"),
    "again": ("This was sent before; the host has it: {what} {code}.", "此前已发送，主机已收妥：{what} {code}。"),
    "sent_count": ("Sent {sent}, still waiting {left}.", "已发送 {sent} 条，待发 {left} 条。"),
    "will_decide": ("You {verdict} request {code}.", "您对申请 {code} 的意见：{verdict}。"),
    "will_substitute": (
        "{person} may decide in your place from {start} until {end}.",
        "{start} 至 {end} 期间，{person} 可代您审批。",
    ),
    "fact_opened": ("The bay opens for {spends}", "印舱开启，可盖 {spends} 次"),
    "fact_pressed": ("Impression {count}", "第 {count} 次盖印"),
    "fact_closed": (
        "The bay is closed: {pressed} pressed, {left} left ({cause})",
        "印舱已关：已盖 {pressed} 次，剩余 {left} 次（{cause}）",
    ),
    "fact_interrupted": ("Interrupted by a power cut; nothing is left", "因断电中断，剩余作废"),
    "fact_jammed": (
        "The shutter is jammed; nothing is lost: free it, then `ready`",
        "闸门卡住，次数不减：排除后请运行 ready",
    ),
    "fact_refused": ("The box refused: {reason}", "印章盒拒绝：{reason}"),
    "fact_ended": ("The request is finished", "申请已结束"),
    "fact_unfit": (
        "ALARM: the box's checkpoint does not fit what was delivered. Tell the authority.",
        "警告：印章盒的检查点与收到的内容不符。请告知主管单位。",
    ),
    "fact_decision": ("{who}: {verdict}", "{who}：{verdict}"),
    # authority
    "unit_s": ("s", "秒"),
    "unit_min": ("min", "分钟"),
    "unit_hour": ("hour(s)", "小时"),
    "unit_day": ("day(s)", "天"),
    "kind_roster": ("roster", "名册"),
    "kind_matters": ("matter list", "盖章事项清单"),
    "kind_reset": ("reset", "复位"),
    "draft_wrong": ("The draft is wrong at {where}: {detail}", "草稿有误，位置 {where}：{detail}"),
    "list_wrong": ("The matter list is wrong at {where}: {detail}", "事项清单有误，位置 {where}：{detail}"),
    "list_rows_wrong": (
        "{count} rows of the matter list are wrong; nothing was taken:\n{rows}",
        "事项清单有 {count} 行错误，未导入任何内容：\n{rows}",
    ),
    "list_too_long": ("The list takes {parts} messages, {most} at most.", "清单需 {parts} 条消息，最多 {most} 条。"),
    "roster_too_large": (
        "The roster would have {size} bytes, {most} at most: shorten names, or spread people over fewer keys.",
        "名册将有 {size} 字节，最多 {most}：请缩短名称或减少密钥。",
    ),
    "caution_abolished": (
        "Rule {number} lets matters be stamped that the list calls abolished: {codes}",
        "规则 {number} 仍允许已取消的事项盖章：{codes}",
    ),
    "caution_number": (
        "Number {number} was {before}'s and would be {name}'s, with other keys: old log entries would name the wrong person",
        "编号 {number} 原属 {before}，现改给 {name} 且密钥全部更换：旧日志将指向错误的人",
    ),
    "caution_unmet": (
        "Rule {number} can never be met: among the people with a key there are not {groups} besides a {raiser} who asks",
        "规则 {number} 无法满足：除发起的{raiser}外，有密钥的人员中不足 {groups}",
    ),
    "draft_doubtful": (
        "Not signed, as the draft is doubtful:\n{cautions}\nMend it, or sign it all the same with --force.",
        "草稿存疑，未签署：\n{cautions}\n请修改，或用 --force 强行签署。",
    ),
    "version_used": (
        "Version {version} may have reached a host already; the next free one is {free}.",
        "第 {version} 版可能已送达主机；下一可用版本为 {free}。",
    ),
    "file_exists": ("{path} is there already. Nothing was changed.", "{path} 已存在，未作更改。"),
    "nothing_signed": ("Nothing is signed yet. Run `{command}` first.", "尚未签署，请先运行 {command}。"),
    "not_enough_signatures": (
        "{have} of {need} authority keys have signed. Let the others run `authority roster countersign {path}` and put their files beside it.",
        "{need} 个主管密钥中已有 {have} 个签名。请其他持钥人运行 authority roster countersign {path}，并把文件放到一起。",
    ),
    "unknown_token": (
        "The token in this file was not given out here, or was used before. Do not enrol it; ask the person.",
        "文件中的令牌不是此处发出的，或已用过。请勿登记，并询问本人。",
    ),
    "key_present": ("This key is in the draft already.", "草稿中已有该密钥。"),
    "two_people_one_name": (
        "Several people in the draft are called {name}; give --number.",
        "草稿中有多人名为 {name}，请给出 --number。",
    ),
    "authority_made": (
        "Authority key {code}\n  public key: {public}\n  site:       {site}\nThe public key goes into every box and to every person; {home}/key.pem stays here. Copy it to a safe place.",
        "主管密钥 {code}\n  公钥：{public}\n  社区：{site}\n公钥要写入每个印章盒并交给每个人；{home}/key.pem 请勿外传，并妥善备份。",
    ),
    "draft_made": ("Edit {path}, then run `authority roster sign`.", "请编辑 {path}，然后运行 authority roster sign。"),
    "draft_changed": ("Draft changed: {path}", "草稿已修改：{path}"),
    "will_sign_roster": ("You sign roster {version}. It says:", "您将签署第 {version} 版名册，内容如下："),
    "changes": ("Against roster {version}:", "与第 {version} 版相比："),
    "no_changes": ("Nothing changes.", "没有变化。"),
    "roster_signed": ("Signed: {path}", "已签署：{path}"),
    "published": ("The host has it: {what}, version {version}.", "主机已收妥：{what}，第 {version} 版。"),
    "roster_authority": (
        "Authority: {threshold} of these {count} keys must sign the next roster",
        "主管：下一版名册须由以下 {count} 个密钥中的 {threshold} 个签名",
    ),
    "roster_person": (
        "Person {number} {name}: {roles}; {start} to {end}; keys {keys}",
        "人员 {number} {name}：{roles}；{start} 至 {end}；密钥 {keys}",
    ),
    "roster_host": ("Host {code}", "主机 {code}"),
    "roster_bay": (
        "Box {box} bay {bay}: seal {seal}, rules {rules}",
        "印章盒 {box} 印舱 {bay}：印章“{seal}”，规则 {rules}",
    ),
    "roster_rule": (
        "Rule {number}: matters {matters}; raised by a {raiser}; needs {groups}; {denials} denial(s) end it; at most {impressions} impressions; open {open}, decide within {wait}, use within {use}",
        "规则 {number}：事项 {matters}；由{raiser}发起；须经 {groups}；{denials} 人否决即终止；最多 {impressions} 次；开启 {open}，审批时限 {wait}，使用时限 {use}",
    ),
    "roster_matters": ("Matter list {digest}", "事项清单 {digest}"),
    "roster_release": ("Allowed release {digest}", "允许的固件 {digest}"),
    "matters_read": ("{count} matters in {parts} part(s).", "共 {count} 项，分 {parts} 部分。"),
    "matters_signed": (
        "Matter list {version} is signed, and its digest is in {draft}. Sign and publish that roster as well.",
        "第 {version} 版事项清单已签署，摘要已写入 {draft}。请一并签署并发布名册。",
    ),
    "token_made": (
        "Token for {name}: {token}\nIt serves once. The person runs:\n  {command}",
        "{name} 的令牌：{token}\n仅可使用一次。请本人运行：\n  {command}",
    ),
    "enrolment": (
        "{name}, key {code}. Compare the code with the person before you go on.",
        "{name}，密钥 {code}。请先与本人核对代码。",
    ),
    "no_enrolments": ("No enrolments wait at the host.", "主机上没有等待登记的密钥。"),
    "enrolment_refused": ("The host has forgotten {name}, key {code}.", "主机已删除 {name} 的登记，密钥 {code}。"),
    "will_reset": (
        "You clear {what} on box {box}, after its log entry {seq}.",
        "您将为印章盒 {box} 清除 {what}（日志第 {seq} 条之后）。",
    ),
    # provisioning
    "box_is": (
        "Box {code}, firmware {firmware}, site {site}\n  public key: {public}",
        "印章盒 {code}，固件 {firmware}，社区 {site}\n  公钥：{public}",
    ),
    "hold_button": (
        "Hold the box's button now. Its display must show the site code {code}.",
        "请按住印章盒按钮。屏幕应显示社区代码 {code}。",
    ),
    "provisioned": (
        "The box belongs to the site now. Compare {code} with its display.\nAdd it to the roster: authority roster add-box --key {public} --bay …",
        "印章盒已归属本社区。请与屏幕核对 {code}。\n加入名册：authority roster add-box --key {public} --bay …",
    ),
    "no_serial": ("The line {port} cannot be opened: {detail}.", "无法打开串口 {port}：{detail}。"),
    "box_silent": ("No box answers on {port} within {seconds} s.", "{seconds} 秒内 {port} 上没有印章盒应答。"),
    "bad_credentials": (
        "These credentials cannot be given to the box: {detail}.",
        "这些凭证不能写入印章盒：{detail}。",
    ),
    "tls_and_credentials": (
        "mqtts:// needs --credentials (see `sealhost ca issue box`), and mqtt:// takes none.",
        "mqtts:// 需要 --credentials（见 `sealhost ca issue box`），mqtt:// 则不需要。",
    ),
    "box_refused": ("The box refused: {reason}.", "印章盒拒绝：{reason}。"),
    "box_other_site": (
        "The box belongs to site {site} already; log and key live and die together, so it must be erased first.",
        "印章盒已属于社区 {site}；日志与密钥共存亡，须先清除。",
    ),
}


def use(language: str | None) -> None:
    """Choose the language, None for the environment's."""
    _language.set(language)


def language() -> str:
    """The language in use: as chosen, else Chinese where LC_ALL, LC_MESSAGES or LANG says so, else English."""
    chosen = _language.get()
    if chosen in LANGUAGES:
        return chosen
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable)
        if value:
            return "zh" if value.startswith("zh") else "en"
    return "en"


def say(key: str, **values: object) -> str:
    """A text of the catalogue with its values filled in; KeyError for a text that is not there."""
    return TEXTS[key][LANGUAGES.index(language())].format(**values)


def known(key: str) -> bool:
    """Whether the catalogue has this text."""
    return key in TEXTS


def word(prefix: str, name: str) -> str:
    """A word of the catalogue, such as a state; the name itself when it has none."""
    key = f"{prefix}_{name}"
    return say(key) if known(key) else name


def role(number: int) -> str:
    """A role's name."""
    key = f"role_{number}"
    return say(key) if known(key) else say("role_other", number=number)
