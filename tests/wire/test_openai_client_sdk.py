"""The official clients talk to the emulated server as they would to the live one: OpenAI's SDK, and its agents packages in two languages.

Each is a program of its own in ``tests/clients``: they need asyncio or Node. Needs the dependency group ``sdk``, and for the one
in JavaScript a folder with its packages (``nox -s sdk`` sees to both).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from wire.openai_emulated import speech

from trioaudio.testing import OpenAIEmulator, OpenAIServerOptions
from trioaudio.wire.openai_server import OpenAIServer

CLIENTS = Path(__file__).parents[1] / "clients"
NODE_CLIENTS = "SDK_NODE_CLIENTS"
"""Names a folder with what ``package.json`` asks for, and the scripts."""


async def served(tmp_path: Path, *command: str, cwd: Path = CLIENTS) -> OpenAIServer:
    """The session that a client had; it has spoken twice, interrupted once, and had a tool called."""
    (tmp_path / "speech.pcm").write_bytes(speech().data)
    emulator = OpenAIEmulator(options=OpenAIServerOptions(speed=2.0))
    with trio.fail_after(100):
        async with emulator.listen() as url:
            arguments = [*command, url, str(tmp_path / "speech.pcm")]
            done = await trio.run_process(arguments, cwd=cwd, check=False, capture_stdout=True, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()[-3_000:]
    assert len(emulator.sessions) == 1
    return emulator.last


def had_a_good_talk(session: OpenAIServer) -> bool:
    """Whether nothing was refused, what was heard was told, and the tool's result arrived."""
    assert session.errors == []
    assert session.sent["session.updated"] >= 1
    assert len(session.heard) == 2
    [(_, part, heard_ms)] = session.conversation.truncations
    assert (part, 0 < heard_ms < 2_200) == (0, True)
    [result] = session.conversation.results.values()
    return "42" in result and session.sent["response.done"] == 4


async def test_the_official_client_has_a_conversation(tmp_path: Path) -> None:
    pytest.importorskip("openai", reason="the dependency group sdk is not installed")
    pytest.importorskip("websockets", reason="the dependency group sdk is not installed")
    session = await served(tmp_path, sys.executable, "openai_sdk.py")
    assert had_a_good_talk(session)
    assert session.conversation.truncations[0][2] == 80


async def test_the_agents_package_for_python_has_a_conversation(tmp_path: Path) -> None:
    pytest.importorskip("agents", reason="the dependency group sdk is not installed")
    assert had_a_good_talk(await served(tmp_path, sys.executable, "openai_agents.py"))


@pytest.mark.skipif(shutil.which("node") is None or NODE_CLIENTS not in os.environ, reason="there is no Node with the packages for it here")
async def test_the_agents_package_for_javascript_has_a_conversation(tmp_path: Path) -> None:
    folder = Path(os.environ[NODE_CLIENTS])
    assert had_a_good_talk(await served(tmp_path, "node", str(folder / "openai_agents.mjs"), cwd=folder))
