"""``trioaudio serve NAME --OPTION VALUE``: what the command itself does not know is the listener's."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from trioaudio.wire.audiosocket import CALL, GOODBYE, written

Command = Callable[..., Any]
Start = Callable[..., subprocess.Popen[str]]


def test_a_listener_is_given_its_options_and_says_where_it_is(process: Start) -> None:
    id = uuid4()
    with process("serve", "audiosocket", "--port", 0, "--id", str(id), "--model", "parrot", "--reuse", "--timeout", "start=0.2") as started:
        try:
            account = ""
            while "Ctrl-C" not in account:
                account += started.stdout.readline()  # type: ignore[union-attr]  # it has one
            assert str(id) not in account
            port = re.search(r"audiosocket\s*\S* 127\.0\.0\.1:(\d+)", account)
            assert port, account
            with socket.create_connection(("127.0.0.1", int(port[1])), timeout=3) as stranger:
                assert stranger.recv(100) in (b"", GOODBYE), "it may say nothing for longer than it was told to wait"
            for _ in range(2):
                with socket.create_connection(("127.0.0.1", int(port[1]))) as call:
                    call.sendall(written(CALL, id.bytes))
                    call.shutdown(socket.SHUT_WR)
                    assert call.recv(100) in (b"", GOODBYE)
            started.send_signal(signal.SIGTERM)
            assert "gone, after 2 calls" in started.communicate(timeout=30)[0]
        finally:
            started.kill()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--idd", "x"), r"'--idd' is not understood here; did you mean '--id'\?.*--admin-port.*--reuse"),
        (("stray",), r"'stray' is not understood here"),
        (("--id", "nonsense"), r"an id is a UUID"),
        (("--reuse", "perhaps"), r"audiosocket: option 'reuse' in --reuse is 'perhaps'; expected: true or false"),
        ((), r"nobody could call: .*--admin-port.*--id"),
    ],
)
def test_what_cannot_be_is_one_line(trioaudio: Command, words: tuple[str, ...], complaint: str) -> None:
    assert re.search(complaint, trioaudio("serve", "audiosocket", "--port", "0", "--model", "parrot", *words).complaint)
