"""What on-call reads: Chinese first, five lines, what is late, since when, why, what to run."""

from expectations.incident_log import Incident
from expectations.robot import MAX_BYTES
from expectations.verdict import CAUSES_ZH, scope_text
from siyu.calendar import SHANGHAI

SOURCES_ZH = {
    "wecom": "企业微信",
    "wechat_oa": "公众号",
    "wechat_store": "微信小店",
    "tencent_ads": "腾讯广告",
    "page_events": "页面埋点",
    "siyu": "数据系统",
}
STREAMS_ZH = {
    "follow_user": "成员名单",
    "customer": "客户列表",
    "group_chat": "客户群列表",
    "user_behavior": "成员联系数据",
    "group_statistic": "群聊统计",
    "article_total_detail": "图文阅读",
    "order": "订单",
    "daily_report_request_time": "广告日报·曝光口径",
    "daily_report_reporting_time": "广告日报·上报口径",
    "page_event": "页面事件",
    "landing_gate": "落地检查",
    "freshness_gate": "时效检查",
    "fact_gate": "事实表检查",
    "mart_gate": "集市检查",
}
REPEATED = "（可能重复：上次发送时连接中断）\n"


def opening(incident: Incident, marts: list[str], *, may_repeat: bool = False) -> str:
    """The one message of an incident's opening."""
    cause = CAUSES_ZH.get(incident.cause, incident.cause)
    lines = [
        f'<font color="warning">**【{cause}】{_title(incident)}**</font>',
        f"> 业务日：**{_days(incident)}**" + _since(incident),
        f"> 原因：{cause} `{incident.cause}`{_detail(incident)}",
    ]
    if marts:
        lines.append(
            f"> 影响：{_some(marts)}"
            + (
                "（已标注不完整，照常发布）"
                if incident.severity != "block"
                else "（暂停发布，读者仍看到上一版）"
            )
        )
    elif incident.severity == "block":
        lines.append("> 影响：暂停发布，读者仍看到上一版")
    lines += [f"> 处理：`siyu repair {incident.id}`", _foot(incident)]
    return fitted((REPEATED if may_repeat else "") + "\n".join(lines))


def recovery(incident: Incident, *, opening_was_told: bool = True, may_repeat: bool = False) -> str:
    """The one message of an incident's recovery."""
    cause = CAUSES_ZH.get(incident.cause, incident.cause)
    lines = [
        f'<font color="info">**【已恢复】{_title(incident)}**</font>',
        f"> {cause}，影响业务日：**{_days(incident)}**（共 {len(incident.event_dates)} 天）",
        f"> 发现 {_moment(incident.opened_at)}，恢复 {_moment(incident.recovered_at)}",
    ]
    if not opening_was_told:
        lines.append("> 当时告警通道不可用，开始时未能通知")
    return fitted((REPEATED if may_repeat else "") + "\n".join([*lines, _foot(incident)]))


def digest(opened: list[Incident], recovered: list[Incident], *, may_repeat: bool = False) -> str:
    """One message for many incidents; those that do not fit are counted."""
    head = (REPEATED if may_repeat else "") + (
        f'<font color="warning">**【汇总】新增 {len(opened)} 起，恢复 {len(recovered)} 起**</font>'
    )
    lines = [
        f"> 🔴 {CAUSES_ZH.get(i.cause, i.cause)} {_title(i)} {_days(i)} `siyu repair {i.id}`"
        for i in opened
    ]
    lines += [f"> 🟢 已恢复 {_title(i)} {_days(i)} `{i.id}`" for i in recovered]
    foot = "全部：`siyu incidents --open`"
    for kept in range(len(lines), -1, -1):
        rest = [f"> …… 另有 {len(lines) - kept} 起"] if kept < len(lines) else []
        text = "\n".join([head, *lines[:kept], *rest, foot])
        if len(text.encode()) <= MAX_BYTES:
            return text
    return fitted(head)


def fitted(text: str, limit: int = MAX_BYTES) -> str:
    """Cut at the robot's limit in UTF-8 bytes, never inside a character; the last line is kept."""
    if len(text.encode()) <= limit:
        return text
    body, _, foot = text.rpartition("\n")
    mark = "……\n"
    room = limit - len((mark + foot).encode())
    return body.encode()[:room].decode(errors="ignore") + mark + foot


def _title(incident: Incident) -> str:
    source = SOURCES_ZH.get(incident.source, incident.source)
    stream = STREAMS_ZH.get(incident.stream, incident.stream)
    parts = [source, incident.account, stream]
    if incident.channel:
        parts.append(f"渠道 {incident.channel}")
    return " · ".join(part for part in parts if part)


def _days(incident: Incident) -> str:
    first, last = incident.first_date, incident.last_date
    if incident.recovered_at is None:
        return f"{first:%m-%d}"
    return f"{first:%m-%d}" if first == last else f"{first:%m-%d} 至 {last:%m-%d}"


def _since(incident: Incident) -> str:
    """The newest day has not recovered: the end is open."""
    if incident.recovered_at is not None:
        return ""
    days = len(incident.event_dates)
    return " 起，尚未恢复" + (f"（已 {days} 天）" if days > 1 else "")


def _moment(moment: object) -> str:
    return f"{moment.astimezone(SHANGHAI):%m-%d %H:%M}"


def _detail(incident: Incident) -> str:
    return f"，{incident.detail_zh[:400]}" if incident.detail_zh else ""


def _some(names: list[str], most: int = 5) -> str:
    rest = f" 等 {len(names)} 张" if len(names) > most else ""
    return "、".join(names[:most]) + rest


def _foot(incident: Incident) -> str:
    scope = scope_text(incident.source, incident.account, incident.channel, incident.stream)
    return f"{incident.id} · {scope} · {incident.severity}"
