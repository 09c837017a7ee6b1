"""Runs the receiver until it is stopped."""

import json
import logging
import socket
import sys

from starlette.applications import Starlette

from siyu.errors import SiyuError


def run(app: Starlette, host: str, port: int, accounts: list[str]) -> None:
    """Serve; prints one JSON line with the address once it answers.

    Raises:
        SiyuError: the port is taken.
    """
    import uvicorn

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SiyuError(
            f"The port is not free: {error.strerror}",
            where=f"{host}:{port}",
            action="choose another --port, or 0 for any free one",
        ) from None
    listener.listen(128)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("siyu.callback").setLevel(logging.INFO)
    # no access log: the query of a verification holds what it is verified with
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    )
    url = f"http://{host}:{listener.getsockname()[1]}"
    # the socket listens already: whoever reads the line may connect
    sys.stdout.write(json.dumps({"url": url, "accounts": accounts}) + "\n")
    sys.stdout.flush()
    server.run(sockets=[listener])
