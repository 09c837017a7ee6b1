"""The WeCom group robot: checks messages as the platform does and keeps what it received."""

import base64
import binascii
import hashlib
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sandbox.limits import RateLimit
from sandbox.robot_page import page
from sandbox.state import State
from sandbox.timeline import DAY_MS, SECOND_MS, iso
from sandbox.vendors.common import Refusal, answer, is_texts, json_body

ROBOT_KEY = "5and80x0-r0b0-4key-8888-000000000001"
TYPES = ("text", "markdown", "markdown_v2", "image", "news", "file", "voice", "template_card")
MAX_IMAGE_BYTES = 2 * 1024 * 1024
# an uploaded medium: smallest and largest size, and how long it may be sent
MIN_MEDIUM_BYTES = 5
MAX_MEDIUM_BYTES = {"file": 20 * 1024 * 1024, "voice": 2 * 1024 * 1024}
MEDIUM_LIFE_MS = 3 * DAY_MS


class Robot:
    """Received messages live in `<state>/robot.jsonl` and so survive a restart."""

    def __init__(self, state: State, *, per_minute: int = 20) -> None:
        """The platform takes 20 messages a minute."""
        self.state = state
        self._limit = RateLimit(per_minute, timer=state.elapsed_seconds)
        self._file = state.folder / "robot.jsonl"
        self.messages: list[dict] = []
        if self._file.exists():
            self.messages = [orjson.loads(line) for line in self._file.read_bytes().splitlines()]

    def routes(self) -> list[Route]:
        """The webhook, the page, and the same as JSON."""
        return [
            Route("/cgi-bin/webhook/send", self._send, methods=["GET", "POST"]),
            Route("/cgi-bin/webhook/upload_media", self._upload, methods=["GET", "POST"]),
            Route("/robot", self._page),
            Route("/_sandbox/robot", self._json),
        ]

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(page(self.messages, iso(self.state.now_ms)))

    async def _json(self, _: Request) -> Response:
        return answer({"messages": self.messages})

    async def _send(self, request: Request) -> Response:
        try:
            if request.query_params.get("key") != ROBOT_KEY:
                raise Refusal(93000, "invalid webhook url")
            body = await self._body(request)
            kind = body.get("msgtype")
            if kind not in TYPES:
                raise Refusal(40008, "invalid message type")
            content = body.get(kind)
            if not isinstance(content, dict):
                raise Refusal(40058, f"{kind} missing. invalid Request Parameter")
            if kind in MAX_MEDIUM_BYTES:
                self._check_medium(kind, content)
            else:
                _check(kind, content)
            if not self._limit.allows(ROBOT_KEY):
                raise Refusal(45009, "api freq out of limit")
        except Refusal as refusal:
            return _refused(refusal)
        self._keep(
            {
                "number": len(self.messages) + 1,
                "received_at": iso(self.state.now_ms),
                "msgtype": kind,
                kind: content,
            }
        )
        return answer({"errcode": 0, "errmsg": "ok"})

    async def _upload(self, request: Request) -> Response:
        query = request.query_params
        try:
            if query.get("key") != ROBOT_KEY:
                raise Refusal(93000, "invalid webhook url")
            kind = query.get("type")
            if request.method != "POST" or kind not in MAX_MEDIUM_BYTES:
                raise Refusal(40058, "type. invalid Request Parameter")
            content = _media_part(request.headers.get("content-type", ""), await request.body())
            if not MIN_MEDIUM_BYTES <= len(content) <= MAX_MEDIUM_BYTES[kind]:
                raise Refusal(40058, "media size. invalid Request Parameter")
            if kind == "voice" and not content.startswith(b"#!AMR"):
                raise Refusal(40058, "voice must be AMR. invalid Request Parameter")
            if not self._limit.allows(f"{ROBOT_KEY} upload"):
                raise Refusal(45009, "api freq out of limit")
        except Refusal as refusal:
            return _refused(refusal)
        media = self.state.kept.setdefault("robot_media", {})
        number = f"{self.state.world.seed}|{len(media)}".encode()
        media_id = "3" + hashlib.blake2b(number + content, digest_size=20).hexdigest()
        media[media_id] = [kind, self.state.now_ms]
        self.state.save()
        created = str(self.state.now_ms // SECOND_MS)
        return answer(
            {"errcode": 0, "errmsg": "ok", "type": kind, "media_id": media_id}
            | {"created_at": created}
        )

    def _check_medium(self, kind: str, content: dict) -> None:
        """A file or voice message names a medium of the last three days."""
        known = self.state.kept.get("robot_media", {}).get(str(content.get("media_id")))
        if known is None or known[0] != kind:
            raise Refusal(40058, f"{kind}.media_id is unknown. invalid Request Parameter")
        if self.state.now_ms >= known[1] + MEDIUM_LIFE_MS:
            raise Refusal(40058, f"{kind}.media_id has expired. invalid Request Parameter")

    async def _body(self, request: Request) -> dict:
        if request.method != "POST":
            raise Refusal(40058, "invalid Request Parameter")
        try:
            body = await json_body(request)
        except orjson.JSONDecodeError:
            raise Refusal(40058, "Warning: wrong json format. invalid Request Parameter") from None
        if body is None:
            raise Refusal(93017, "message body empty")
        if not isinstance(body, dict):
            raise Refusal(40058, "Warning: wrong json format. invalid Request Parameter")
        return body

    def _keep(self, message: dict) -> None:
        self.messages.append(message)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            file.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))


def _refused(refusal: Refusal) -> Response:
    text = (
        f"{refusal.message}, more info at "
        f"https://open.work.weixin.qq.com/devtool/query?e={refusal.code}"
    )
    return answer({"errcode": refusal.code, "errmsg": text})


def _media_part(content_type: str, body: bytes) -> bytes:
    """The content of the form's part `media`."""
    if not content_type.startswith("multipart/form-data"):
        raise Refusal(40058, "media. invalid Request Parameter")
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    for part in form.iter_parts():
        if part.get_param("name", header="content-disposition") == "media":
            return part.get_payload(decode=True) or b""
    raise Refusal(40058, "media missing. invalid Request Parameter")


def _check(kind: str, content: dict) -> None:
    """Refuse what the platform refuses; limits are bytes of UTF-8."""
    if kind == "text":
        if _size(content) == 0:
            raise Refusal(44004, "text content is empty")
        if _size(content) > 2048:
            raise Refusal(45002, "content size out of limit")
        for name in ("mentioned_list", "mentioned_mobile_list"):
            if name in content and not is_texts(content[name]):
                raise Refusal(40058, f"{name}. invalid Request Parameter")
    elif kind in ("markdown", "markdown_v2"):
        if _size(content) == 0:
            raise Refusal(40058, f"{kind}.content missing. invalid Request Parameter")
        if _size(content) > 4096:
            raise Refusal(
                40058, f"{kind}.content exceed max length 4096. invalid Request Parameter"
            )
    elif kind == "image":
        _check_image(content)
    elif kind == "news":
        articles = content.get("articles")
        if not isinstance(articles, list) or not 1 <= len(articles) <= 8:
            raise Refusal(45008, "news needs 1 to 8 articles")
        if not all(isinstance(a, dict) and a.get("title") and a.get("url") for a in articles):
            raise Refusal(40058, "news.articles need title and url. invalid Request Parameter")
        for article in articles:  # too long is cut, not refused
            article["title"] = _cut(article["title"], 128)
            if article.get("description"):
                article["description"] = _cut(article["description"], 512)
    else:
        if content.get("card_type") not in ("text_notice", "news_notice"):
            raise Refusal(40058, "template_card.card_type. invalid Request Parameter")
        if not isinstance(content.get("card_action"), dict):
            raise Refusal(40058, "template_card.card_action. invalid Request Parameter")


def _check_image(content: dict) -> None:
    try:
        raw = base64.b64decode(content.get("base64") or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise Refusal(40058, "image.base64. invalid Request Parameter") from None
    if not raw.startswith((b"\xff\xd8", b"\x89PNG")):
        raise Refusal(40058, "image must be JPG or PNG. invalid Request Parameter")
    if len(raw) > MAX_IMAGE_BYTES:
        raise Refusal(93018, "image too large")
    if hashlib.md5(raw, usedforsecurity=False).hexdigest() != content.get("md5"):
        raise Refusal(40058, "image.md5 does not match. invalid Request Parameter")


def _size(content: dict) -> int:
    text: Any = content.get("content")
    return len(text.encode()) if isinstance(text, str) else 0


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")
