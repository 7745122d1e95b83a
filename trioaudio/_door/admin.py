"""The admin port: is it alive, does it take calls, what has it counted. For this machine only."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from .._front_door import AdminDoor, Handler, Request, Response, Route
from .._serving.server import Server
from .._ticker import shared_ticker
from .metrics import CONTENT_TYPE, call_metrics, door_metrics, exposition, run_metrics
from .server import OpenFrontDoor, open_front_door

HOST = "127.0.0.1"


class AdminPort(AdminDoor):
    """What it tells; made by `open_admin_port`."""

    def __init__(self, admin: OpenFrontDoor, door: OpenFrontDoor | None) -> None:
        self._admin, self._door = admin, door
        self.server: Server | None = None
        """Whose calls it tells of, once there is one."""
        for path, handler in (("/healthz", self._health), ("/readyz", self._readiness), ("/metrics", self._metrics)):
            admin.route("GET", path, handler, auth="none")

    def route(self, method: str, path: str, handler: Handler) -> Route:
        async def guarded(request: Request) -> Response:
            if request.headers.get("sec-fetch-site", "none") != "none" or "origin" in request.headers:
                return Response("this is not for web pages\n", 403)
            return await handler(request)

        return self._admin.route(method, path, guarded, auth="none")

    def local_url(self, path: str) -> str:
        return self._admin.public_url(path)

    @property
    def url(self) -> str:
        """Where it is."""
        return self._admin.public_url("/")

    async def _health(self, _: Request) -> Response:
        return Response("alive\n")

    async def _readiness(self, _: Request) -> Response:
        if self.server is not None and self.server.ready:
            return Response("ready\n")
        draining = self.server is not None and self.server.statistics().draining
        return Response("going away: new calls are refused\n" if draining else "not ready yet\n", 503)

    async def _metrics(self, _: Request) -> Response:
        metrics = [
            *(call_metrics(self.server.statistics()) if self.server is not None else ()),
            *(door_metrics(self._door.statistics()) if self._door is not None else ()),
            *run_metrics(shared_ticker().statistics(), trio.lowlevel.current_statistics().tasks_living),
        ]
        return Response(exposition(metrics), content_type=CONTENT_TYPE)


@asynccontextmanager
async def open_admin_port(port: int, door: OpenFrontDoor | None = None) -> AsyncGenerator[AdminPort, None]:
    """Open the admin port, on 127.0.0.1. Set `AdminPort.server` once there is a server.

    ``/healthz`` says 200 while the process lives, ``/readyz`` 503 as soon as it goes away, ``/metrics`` all counters, for Prometheus.

    Args:
        port: 0 is any that is free.
        door: whose connections and requests are counted too.

    Raises:
        FrontDoorError: the port is in use.
    """
    async with open_front_door(HOST, port, port_option="--admin-port") as admin:
        yield AdminPort(admin, door)
