"""The files for a server that the documentation ships: what they start does start, and they agree with one another."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "examples" / "deploy"
HANG = 60
Start = Callable[..., subprocess.Popen[str]]


def text_of(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


SETTINGS: dict[str, Any] = tomllib.loads(text_of("trioaudio.toml"))
UNIT: dict[str, str] = dict(re.findall(r"^(\w+)=(.*)$", text_of("trioaudio.service").replace("\\\n", " "), re.MULTILINE))


def commanded_by_systemd() -> list[str]:
    return shlex.split(UNIT["ExecStart"])[1:]


def commanded_in_the_container() -> list[str]:
    found = re.search(r"^CMD (\[.*\])$", text_of("Containerfile"), re.MULTILINE)
    assert found is not None
    words: list[str] = json.loads(found[1])
    return words


def test_what_the_files_start_is_ready_for_calls_and_goes_away_when_told(
    process: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("twilio_auth_token", "openai_api_key"):
        (folder / name).write_text("secret\n", encoding="utf-8")
        assert f"Environment={name.upper()}_FILE=%d/{name}" in text_of("trioaudio.service")
        monkeypatch.setenv(f"{name.upper()}_FILE", str(folder / name))
    here = {"/etc/trioaudio": str(DEPLOY), "/var/lib/trioaudio": str(folder)}
    commands = [commanded_by_systemd(), commanded_in_the_container()]
    for old, new in here.items():
        commands = [[word.replace(old, new) for word in command] for command in commands]
    servers = [process(*command, "--port", 0, "--admin-port", 0) for command in commands]
    for server in servers:
        assert server.stdout is not None
        ready = any("Ctrl-C ends it" in line for line in server.stdout)
        server.send_signal(signal.SIGTERM)
        assert ready, server.communicate(timeout=HANG)
    for server in servers:
        _, logged = server.communicate(timeout=HANG)
        assert (server.returncode, logged) == (0, "")


def test_proxies_lead_to_the_port_of_the_settings_under_their_name() -> None:
    serve = SETTINGS["serve"]
    here, name = f"127.0.0.1:{serve['port']}", urlsplit(serve["public_url"]).hostname
    nginx, caddy = text_of("nginx.conf"), text_of("Caddyfile")
    assert (f"server {here};" in nginx, f"server_name {name};" in nginx, "location /twilio/ {" in nginx) == (True, True, True)
    assert (f"reverse_proxy {here} " in caddy, f"\n{name} {{" in caddy, "handle /twilio/* {" in caddy) == (True, True, True)
    assert "127.0.0.1" in serve["trusted_proxy"]
    assert {"Host $host", "Upgrade $http_upgrade", "X-Forwarded-For $remote_addr"} <= set(re.findall(r"proxy_set_header ([^;]+);", nginx))


def test_a_supervisor_waits_longer_than_calls_may_take_to_end() -> None:
    drain = SETTINGS["timeouts"]["drain"]
    assert float(UNIT["TimeoutStopSec"]) >= drain + 10
    page = (ROOT / "docs" / "howto" / "deploy.md").read_text(encoding="utf-8")
    assert {*re.findall(r"(?:--stop-timeout |GracePeriodSeconds: |TimeoutStopSec=)(\d+)", page)} == {UNIT["TimeoutStopSec"]}


def test_the_container_has_extras_that_there_are_and_asks_where_health_is() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    container = text_of("Containerfile")
    found = re.search(r"'/src\[([\w,]+)\]'", container)
    assert found is not None
    assert {"rest"} <= set(found[1].split(",")) <= set(extras)
    assert f"http://127.0.0.1:{SETTINGS['serve']['admin_port']}/healthz" in container


def test_the_agent_of_the_walk_through_is_that_of_the_server() -> None:
    page = (ROOT / "docs" / "howto" / "first-phone-call.md").read_text(encoding="utf-8")
    assert f"```toml\n{text_of('agent.toml')}```" in page
