"""The robot's messages as a page that people read, Chinese first."""

import html
import re

_HEAD = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>群机器人消息 · Group robot</title><style>
body{margin:0;background:#ededed;font:15px/1.6 -apple-system,"PingFang SC","Microsoft YaHei",
"Noto Sans CJK SC",sans-serif;color:#1f2329}
header{background:#2f6fed;color:#fff;padding:14px 20px}header h1{font-size:18px;margin:0}
header p{margin:2px 0 0;opacity:.85;font-size:13px}
main{max-width:720px;margin:16px auto;padding:0 12px}
article{display:flex;gap:10px;margin:0 0 16px}
.who{flex:none;width:40px;height:40px;border-radius:6px;background:#2f6fed;color:#fff;
text-align:center;line-height:40px}
.time{color:#8f959e;font-size:12px}.bubble{background:#fff;border-radius:8px;padding:8px 14px;
overflow-wrap:anywhere;box-shadow:0 1px 2px #0001}
.bubble h1,.bubble h2,.bubble h3,.bubble h4,.bubble h5,.bubble h6{margin:.3em 0;font-size:16px}
.bubble p{margin:.2em 0}blockquote{margin:.3em 0;padding:0 10px;border-left:3px solid #d0d3d6;
color:#646a73}code{background:#f2f3f5;border-radius:3px;padding:0 4px}
.info{color:#1a9c48}.comment{color:#8f959e}.warning{color:#e8751a}.mention{color:#2f6fed}
.empty{color:#8f959e;text-align:center;margin-top:60px}</style></head><body>"""


def page(messages: list[dict], now: str) -> str:
    """The whole page, newest message first."""
    body = "".join(_message(m) for m in reversed(messages)) or (
        '<p class="empty">还没有收到消息<br>No messages yet</p>'
    )
    return (
        f"{_HEAD}<header><h1>群机器人消息 <small>Group robot</small></h1><p>共 "
        f"{len(messages)} 条（最新在上） · 虚拟时间 {html.escape(now)}</p></header>"
        f"<main>{body}</main></body></html>"
    )


def _message(message: dict) -> str:
    kind = message["msgtype"]
    when = message["received_at"].replace("T", " ")[:16]
    return (
        f'<article><div class="who">告警</div><div><div class="time">数据值班机器人 · '
        f'{html.escape(when)} · #{message["number"]}</div><div class="bubble">'
        f"{_content(kind, message[kind])}</div></div></article>"
    )


def _content(kind: str, content: dict) -> str:
    if kind == "text":
        mentions = [*content.get("mentioned_list", []), *content.get("mentioned_mobile_list", [])]
        names = "".join(f' <span class="mention">{_at(name)}</span>' for name in mentions)
        return f"<p>{'<br>'.join(_inline(t) for t in content['content'].splitlines())}</p>{names}"
    if kind in ("markdown", "markdown_v2"):
        return markdown(content["content"])
    if kind == "news":
        return "".join(
            f'<p><a href="{html.escape(_safe(a["url"]))}">{html.escape(a["title"])}</a>'
            f'<br><span class="comment">{html.escape(a.get("description", ""))}</span>'
            "</p>"
            for a in content["articles"]
        )
    if kind == "image":
        return '<p class="comment">［图片］</p>'
    title = (content.get("main_title") or {}).get("title", "")
    below = content.get("sub_title_text", "")
    return f"<p><b>{html.escape(title)}</b></p><p>{html.escape(below)}</p>"


def markdown(text: str) -> str:
    """WeCom's own small markdown as HTML: headings, bold, links, code, quotes, font colours."""
    parts: list[str] = []
    quote: list[str] = []
    for line in [*text.splitlines(), None]:
        if line is not None and line.startswith(">"):
            quote.append(_inline(line.lstrip("> ")))
            continue
        if quote:
            parts.append(f"<blockquote>{'<br>'.join(quote)}</blockquote>")
            quote = []
        if not line:
            continue
        if heading := re.match(r"(#{1,6}) +(.*)", line):
            level = len(heading[1])
            parts.append(f"<h{level}>{_inline(heading[2])}</h{level}>")
        else:
            parts.append(f"<p>{_inline(line)}</p>")
    return "".join(parts)


def _inline(text: str) -> str:
    safe = html.escape(text)
    safe = re.sub(
        r"&lt;font color=(?:&quot;|&#x27;)(info|comment|warning)(?:&quot;|&#x27;)&gt;"
        r"(.*?)&lt;/font&gt;",
        r'<span class="\1">\2</span>',
        safe,
    )
    safe = re.sub(
        r"&lt;@([\w.@-]+)&gt;", lambda m: f'<span class="mention">{_at(m[1])}</span>', safe
    )
    safe = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", safe)
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return re.sub(r"\[([^\]]+)\]\((https?://[^)\s]+)\)", r'<a href="\2">\1</a>', safe)


def _at(name: str) -> str:
    return "@所有人" if name in ("@all", "all") else "@" + html.escape(name)


def _safe(url: str) -> str:
    return url if url.startswith(("http://", "https://")) else "#"
