"""Plays WeCom to the receiver, with an independent library's encryption."""

import asyncio
import re

import httpx
from wechatpy.enterprise.crypto import WeChatCrypto

TOKEN = "QDG6eK"
AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
CORPID = "ww1"
NOW = 1776133800  # 2026-04-14 10:30 in Shanghai, as the tests of streams


class Sender:
    """What WeCom would send for a corp."""

    def __init__(self, token=TOKEN, aes_key=AES_KEY, corpid=CORPID):
        self.crypto = WeChatCrypto(token, aes_key, corpid)

    def seal(self, message, at=NOW, nonce="1372623149"):
        """(query, encrypted) of a message."""
        sealed = self.crypto.encrypt_message(message, nonce, str(at))
        found = {
            name: re.search(rf"<{name}>(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?</{name}>", sealed)[1]
            for name in ("Encrypt", "MsgSignature")
        }
        query = {"msg_signature": found["MsgSignature"], "timestamp": str(at), "nonce": nonce}
        return query, found["Encrypt"]

    def event(self, message, **also):
        """(query, body) of a pushed event."""
        query, encrypted = self.seal(message, **also)
        body = (
            "<xml><ToUserName><![CDATA[ww1]]></ToUserName>"
            f"<Encrypt><![CDATA[{encrypted}]]></Encrypt><AgentID>1000002</AgentID></xml>"
        )
        return query, body.encode()


def event_xml(
    event="change_external_contact", change_type="del_follow_user", at=1403610513, **also
):
    """A message as the documented samples have it."""
    fields = {
        "ToUserName": CORPID,
        "FromUserName": "sys",
        "CreateTime": at,
        "MsgType": "event",
        "Event": event,
        "ChangeType": change_type,
        **also,
    }
    return (
        "<xml>"
        + "".join(
            f"<{name}>{value if str(value).startswith('<') else f'<![CDATA[{value}]]>'}</{name}>"
            for name, value in fields.items()
        )
        + "</xml>"
    )


class Client:
    """Calls an application in this process, without a server."""

    def __init__(self, app, home):
        self.app, self.home = app, home

    def request(self, method, path, **also):
        async def call():
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://r") as client:
                return await client.request(method, path, **also)

        return asyncio.run(call())

    def get(self, path, **also):
        return self.request("GET", path, **also)

    def post(self, path, **also):
        return self.request("POST", path, **also)
