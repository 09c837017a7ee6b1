"""What on-call reads: Chinese first, five lines, what is late, since when, why, what to run."""

from expectations.incident_log import Incident
from expectations.robot import MAX_BYTES
from expectations.verdict import CAUSES_ZH, scope_text
from extractors.registry import names_zh
from siyu.calendar import SHANGHAI

# streams' names; those of sources stand beside their streams (extractors/<source>, NAME_ZH)
STREAMS_ZH = {
    # WeCom
    "department": "部门",
    "staff": "成员",
    "follow_user": "成员名单",
    "customer": "客户列表",
    "corp_tag": "企业标签",
    "user_behavior": "成员联系数据",
    "group_chat": "客户群列表",
    "group_member": "群成员",
    "group_statistic": "群聊统计",
    "group_message": "群发消息",
    "group_message_task": "群发任务",
    "group_message_recipient": "群发送达",
    "moment": "朋友圈",
    "moment_task": "朋友圈任务",
    "moment_recipient": "朋友圈送达",
    "moment_comment": "朋友圈互动",
    "moment_visible_customer": "朋友圈可见客户",
    "acquisition_link": "获客链接",
    "acquisition_customer": "获客链接客户",
    "acquisition_statistic": "获客链接统计",
    "acquisition_quota": "获客助手额度",
    "contact_way": "联系我",
    "bill": "对外收款",
    "fund_flow": "资金流水",
    "kf_account": "客服账号",
    "kf_corp_statistic": "客服企业统计",
    "kf_servicer_statistic": "客服接待统计",
    "callback_event": "回调事件",
    # content and commerce
    "article_total_detail": "图文阅读",
    "article_read": "图文阅读日报",
    "article_share": "图文分享日报",
    "biz_summary": "公众号概况",
    "user_summary": "粉丝增减",
    "user_cumulate": "粉丝总数",
    "upstream_message": "粉丝消息",
    "video": "视频列表",
    "video_daily": "视频日报",
    "video_base": "视频近 30 天",
    "account_daily": "账号日报",
    "fans_profile": "粉丝画像",
    "live_session": "直播场次",
    "live_dashboard": "直播大盘",
    "page_event": "页面事件",
    "order": "订单",
    "aftersale": "售后单",
    "compass_shop_overall": "罗盘店铺日报",
    # ads
    "daily_report_request_time": "广告日报·曝光口径",
    "daily_report_reporting_time": "广告日报·上报口径",
    "hourly_report": "广告小时报",
    "adgroup": "广告列表",
    "project_report": "项目报表",
    "promotion_report": "单元报表",
    "project": "项目列表",
    "promotion": "单元列表",
    "campaign_report": "计划报表",
    "adgroup_report": "单元报表",
    "unit_report": "广告组报表",
    # our own
    "landing_gate": "落地检查",
    "freshness_gate": "时效检查",
    "fact_gate": "事实表检查",
    "mart_gate": "集市检查",
}
OURSELVES = "siyu"
REPEATED = "（可能重复：上次发送时连接中断）\n"


def source_zh(source: str) -> str:
    """What people call a source."""
    return "数据系统" if source == OURSELVES else names_zh().get(source, source)


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
    source = source_zh(incident.source)
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
