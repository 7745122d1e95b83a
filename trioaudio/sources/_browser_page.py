"""The files of the page that is shipped, as they are served: with their types, and with a strict policy for what a page may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath
from types import MappingProxyType
from urllib.parse import urlsplit

import trio

from ..abc import Request, Response

TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".ico": "image/x-icon",
        ".json": "application/json",
        ".woff2": "font/woff2",
    }
)
"""What is served at all, by its name's end."""
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self' {socket}; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file."""

    name: str
    content: bytes
    type: str

    async def serve(self, request: Request) -> Response:
        """The front door's handler. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        return Response(self.content, content_type=self.type, headers=headers(request.url))


def page_files() -> Iterator[PageFile]:
    """All files of the page, by their paths below ``/``."""
    for entry in sorted((files(__package__.partition(".")[0]) / "_page").iterdir(), key=lambda entry: entry.name):
        if (type := TYPES.get(PurePath(entry.name).suffix)) is not None and entry.is_file():
            yield PageFile(entry.name, entry.read_bytes(), type)


def headers(url: str) -> dict[str, str]:
    """What a browser is told about a file at this address.

    Some browsers do not count a websocket of the same host as ``'self'``, so it is named.
    """
    parts = urlsplit(url)
    socket = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"
    return {
        "Content-Security-Policy": POLICY.format(socket=socket),
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }
