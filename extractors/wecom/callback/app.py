"""The receiver: verifies, decrypts, keeps, and only then says yes.

WeCom waits five seconds for an answer and asks three times at most; what it cannot deliver is
lost, and some of it is in no list. So nothing here waits for anything but the disk.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from extractors.wecom.callback.crypto import Envelope, RefusedError
from extractors.wecom.callback.spool import Spool, spool_folder
from extractors.wecom.callback.xml import parse
from siyu.accounts import Account
from siyu.errors import ConfigurationError

MAX_BODY_BYTES = 256 * 1024
# a request older (or further ahead) than this is a replay, or a clock is wrong
MAX_AGE_SECONDS = 600
# lets its bearer write to the customer: of no use to the warehouse, so it is not even kept
SECRET_FIELDS = ("WelcomeCode",)

log = logging.getLogger("siyu.callback")


@dataclass(frozen=True)
class Corp:
    """One account that receives events."""

    account: str
    envelope: Envelope
    spool: Spool


def corps_of(accounts: list[Account], home: Path) -> dict[str, Corp]:
    """The WeCom accounts that have a callback, by name.

    Raises:
        ConfigurationError: none has, or a key is malformed.
    """
    corps = {}
    for account in accounts:
        if account.source != "wecom" or not account.credentials.get("callback_token"):
            continue
        where = f"{account.source}/{account.account}"
        if not account.options.get("corpid"):
            raise ConfigurationError(
                "The account has no option 'corpid'", where=where, action="add it under `options`"
            )
        envelope = Envelope(
            token=account.secret("callback_token"),
            aes_key=account.secret("callback_aes_key"),
            corpid=str(account.options["corpid"]),
            where=where,
        )
        corps[account.account] = Corp(
            account.account, envelope, Spool(spool_folder(home, account.account))
        )
    if not corps:
        raise ConfigurationError(
            "No WeCom account has a callback",
            where="callback_token",
            action="add callback_token and callback_aes_key to the account's credentials; "
            "docs/deploy.md says how to register the address",
        )
    return corps


def make_app(
    corps: dict[str, Corp],
    *,
    max_age_seconds: float = MAX_AGE_SECONDS,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """The receiver of some corps.

    Args:
        corps: by the last part of their address.
        max_age_seconds: how far a request's time may be from ours.
        clock: seconds since 1970.
    """
    receiver = _Receiver(corps, max_age_seconds, clock)
    return Starlette(
        routes=[
            Route("/callback/{account}", receiver.verify, methods=["GET"]),
            Route("/callback/{account}", receiver.receive, methods=["POST"]),
            Route("/health", receiver.health, methods=["GET"]),
        ]
    )


class _Receiver:
    def __init__(
        self, corps: dict[str, Corp], max_age_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._corps, self._max_age, self._clock = corps, max_age_seconds, clock

    async def verify(self, request: Request) -> Response:
        """The address is being registered: answer with what the echo string holds, bare."""
        corp = self._corps.get(request.path_params["account"])
        if corp is None:
            return _unknown(request)
        try:
            message = self._open(corp, request, request.query_params.get("echostr", ""))
        except RefusedError as refusal:
            return _refused(corp, refusal)
        log.info("%s: address verified", corp.account)
        return Response(message, media_type="text/plain")

    async def receive(self, request: Request) -> Response:
        """An event: on disk before it is acknowledged."""
        corp = self._corps.get(request.path_params["account"])
        if corp is None:
            return _unknown(request)
        try:
            outer = parse(await _body(request))
            encrypted = outer.get("Encrypt")
            if not isinstance(encrypted, str):
                raise RefusedError("there is no encrypted message")
            event = parse(self._open(corp, request, encrypted))
        except RefusedError as refusal:
            return _refused(corp, refusal)
        for name in SECRET_FIELDS:
            event.pop(name, None)
        received_at = datetime.fromtimestamp(self._clock(), UTC)
        try:
            await run_in_threadpool(corp.spool.append, event, received_at)
        except OSError as error:
            # no yes without the event on disk: WeCom asks again
            log.exception("%s: event not kept (%s)", corp.account, error.strerror)
            return PlainTextResponse("not kept", status_code=503)
        log.info("%s: %s/%s kept", corp.account, event.get("Event"), event.get("ChangeType"))
        return PlainTextResponse("success")

    async def health(self, _: Request) -> Response:
        """Whether events could be kept now."""
        failed = []
        for corp in self._corps.values():
            try:
                await run_in_threadpool(corp.spool.check)
            except OSError as error:
                failed.append(f"{corp.account}: {error.strerror}")
        body = {
            "status": "failed" if failed else "ok",
            "accounts": sorted(self._corps),
            "waiting_files": sum(len(corp.spool.files()) for corp in self._corps.values()),
            "failed": failed,
        }
        return JSONResponse(body, status_code=503 if failed else 200)

    def _open(self, corp: Corp, request: Request, encrypted: str) -> bytes:
        query = request.query_params
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        message = corp.envelope.open(query.get("msg_signature", ""), timestamp, nonce, encrypted)
        # judged after the signature: before that, the time is anybody's
        if not timestamp.isdigit() or abs(self._clock() - int(timestamp)) > self._max_age:
            raise RefusedError("its time is too far from ours")
        return message


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise RefusedError("the body is too large")
    return body


def _refused(corp: Corp, refusal: RefusedError) -> Response:
    log.warning("%s: refused: %s; nothing was kept", corp.account, refusal)
    return PlainTextResponse("refused", status_code=403)


def _unknown(request: Request) -> Response:
    log.warning("refused: no account %r has a callback", request.path_params["account"][:64])
    return PlainTextResponse("unknown", status_code=404)
