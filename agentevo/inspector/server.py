"""The server: on the loopback, on a free port, until Ctrl-C."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable

import uvicorn

from agentevo.inspector.app import create_app


def serve(tell: Callable[[str], None], *, port: int = 0, start: str = "/") -> None:
    """Serve the pages of all runs until Ctrl-C.

    Args:
        tell: gets the address, token included, once it is answered to.
        port: 0: a free one.
        start: the path of the address that is told.

    Raises:
        OSError: the port is taken.
    """
    import scipy.special  # noqa: F401  what the first page would wait for

    token = secrets.token_urlsafe(24)
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.bind(("127.0.0.1", port))
        ours.listen(64)
        number = ours.getsockname()[1]
        config = uvicorn.Config(create_app(token), log_level="warning", lifespan="off")
        tell(f"http://127.0.0.1:{number}{start}?token={token}")
        uvicorn.Server(config).run(sockets=[ours])
