"""A page, in the browser of whoever sits here; if anybody does."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser


def open_page(url: str) -> None:
    """Open a page, if there is a screen to show it and a terminal that it was asked for from. Never waits.

    Without a screen, a browser for terminals would take this one away from us.
    """
    screen = sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if screen and sys.stdout.isatty():
        threading.Thread(target=webbrowser.open, args=(url,), name="browser", daemon=True).start()
