"""OpenAI's realtime models, and every server that speaks their protocol: how one is reached, and with which key."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, TypeAlias
from urllib.parse import parse_qs, quote, urlsplit

import trio

from .._errors import ModelRefused, OptionError, RestError, UpgradeRefusedError
from .._limits import Limits
from .._secret import Secret
from ..abc import Model, Option, WebSocket, model_plugin, open_rest, open_socket, require_private
from ..wire._openai.secrets import secret_request, secret_untrusted
from ..wire.openai import BETA, GA, OpenAIWire, SessionOptions
from ._openai_connection import KEY, OpenAIModel

URL = "wss://api.openai.com/v1"
LONGEST_MESSAGE = 16 * 2**20
"""Characters of a message that comes in; the server may send items with all their audio."""

KeyHeader: TypeAlias = Literal["bearer", "api-key", "x-api-key"]
"""How a key is sent."""


REFUSED = (401, 403)
"""HTTP statuses that mean that the key is not accepted."""
UNKNOWN = 404


@model_plugin("openai")
@asynccontextmanager
async def open_openai(
    model: str,
    *,
    base_url: str = URL,
    key: Annotated[Secret | None, Option(env=KEY)] = None,
    header: KeyHeader = "bearer",
    insecure: bool = False,
    answers: bool = True,
    prefix_ms: int | None = None,
    idle_timeout_ms: int | None = None,
    transcriber: str = "gpt-4o-mini-transcribe",
    language: str | None = None,
    noise: Literal["near_field", "far_field"] | None = None,
    output: Literal["audio", "text"] = "audio",
    speed: float | None = None,
    max_output_tokens: int | None = None,
    reasoning: Literal["minimal", "low", "medium", "high"] | None = None,
    dialect: Literal["ga", "beta"] = "ga",
    patience: float | None = None,
) -> AsyncGenerator[Model, None]:
    """A realtime model of OpenAI, or of a server that speaks its protocol. Checkpoint: yes.

    Args:
        model: its name, such as gpt-realtime-2.1.
        base_url: the server; the path /realtime is added.
        key: the API key; by default the variable OPENAI_API_KEY, or the file that OPENAI_API_KEY_FILE names. A server on this machine
            needs none.
        header: how the key is sent; "api-key" is Azure's way, "x-api-key" that of some servers of one's own.
        insecure: let the key travel unencrypted to another machine.
        answers: the server answers each utterance by itself; if not, the app lets it (`Session.respond`).
        prefix_ms: what from before the start of speech belongs to it, in milliseconds.
        idle_timeout_ms: after so many milliseconds without a word of the caller's the model speaks again, 5000 to 30000.
        transcriber: the model that writes down what the caller says.
        language: the caller's language for that, such as en.
        noise: noise reduction for a microphone near or far.
        output: the model answers in speech, or in text alone.
        speed: how fast it speaks, 0.25 to 1.5.
        max_output_tokens: the longest answer, 1 to 4096 tokens.
        reasoning: effort of models that reason.
        dialect: "beta" for servers that still speak the protocol's beta, with its flat session.
        patience: seconds after which a server that never says that the session exists, or is as asked, is believed to have said it;
            by default its word is waited for, as long as the session may take to start.

    Raises:
        OptionError: there is no key, an option is out of range, or the URL is none.
        InsecureConnectionError: the key would travel unencrypted.
        ModelRefused: the server accepts no such key (HTTP 401 or 403), or knows no such model (404).
        trio.BrokenResourceError: the server cannot be reached, or does not want to.
    """
    options = SessionOptions(
        answers=answers,
        prefix_ms=prefix_ms,
        idle_timeout_ms=idle_timeout_ms,
        transcriber=transcriber,
        language=language,
        noise=noise,
        output=output,
        speed=speed,
        max_output_tokens=max_output_tokens,
        reasoning=reasoning,
    )
    if patience is not None and not patience > 0:
        raise OptionError(f"openai: patience={patience!r} is no number of seconds above 0")
    url = realtime_url(base_url, model)
    require_private(url, insecure=insecure)
    headers = {**_authorisation(key or _key_for(url), header), **({"OpenAI-Beta": "realtime=v1"} if dialect == "beta" else {})}
    limits = replace(Limits(), message=LONGEST_MESSAGE)
    async with AsyncExitStack() as stack:
        try:
            websocket = await stack.enter_async_context(open_socket(url, headers=headers, insecure=insecure, limits=limits))
        except UpgradeRefusedError as exc:
            raise _refusal(exc) from exc
        yield await stack.enter_async_context(open_openai_over(websocket, options, dialect=dialect, patience=patience))


@asynccontextmanager
async def open_openai_over(
    websocket: WebSocket, options: SessionOptions | None = None, *, dialect: Literal["ga", "beta"] = "ga", patience: float | None = None
) -> AsyncGenerator[Model, None]:
    """The model at the other end of a websocket that is open already. Checkpoint: yes."""
    await trio.lowlevel.checkpoint()
    wire = OpenAIWire(options, BETA if dialect == "beta" else GA)
    model = OpenAIModel(websocket, wire, acknowledged_within=math.inf if patience is None else patience)
    try:
        yield model
    finally:
        model.close()


def _refusal(error: UpgradeRefusedError) -> Exception:
    """Servers that judge key and model before the websocket opens, as Azure does, do so by HTTP status."""
    if error.status in REFUSED:
        return ModelRefused(f"{error}; check the key in the variable {KEY}, and the option header")
    if error.status == UNKNOWN:
        return ModelRefused(f"{error}; check base_url and the name of the model")
    return trio.BrokenResourceError(str(error))


def realtime_url(base_url: str, model: str) -> str:
    """Where a model is: ``wss://api.openai.com/v1`` and ``gpt-realtime`` are ``wss://api.openai.com/v1/realtime?model=gpt-realtime``.

    Azure's older address, ``wss://NAME.openai.azure.com/openai?api-version=...``, calls the model a deployment.

    Raises:
        OptionError: the URL is none.
    """
    parts = urlsplit(base_url)
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise OptionError("openai: base_url is no URL of a websocket server; write it like wss://api.openai.com/v1")
    path = parts.path.rstrip("/")
    name = "deployment" if path.endswith("/openai") and "api-version" in parse_qs(parts.query) else "model"
    query = "&".join(filter(None, (parts.query, f"{name}={quote(model, safe='')}")))
    return parts._replace(scheme=scheme, path=f"{path}/realtime", query=query).geturl()


def rest_url(base_url: str) -> str:
    """The same server, as it is asked over HTTP.

    Raises:
        OptionError: the URL is none.
    """
    parts = urlsplit(base_url)
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    if scheme not in ("http", "https") or not parts.hostname:
        raise OptionError("openai: base_url is no URL of a server; write it like wss://api.openai.com/v1")
    return parts._replace(scheme=scheme, path=parts.path.rstrip("/"), query="").geturl()


def _key_for(url: str) -> Secret | None:
    """The key from the environment; a server on this machine can do without."""
    try:
        return Secret.from_environment(KEY)
    except OptionError:
        if urlsplit(url).scheme in ("wss", "https"):
            raise
        return None


def _authorisation(key: Secret | None, header: KeyHeader) -> dict[str, str | Secret]:
    """The key stays a secret until its header is written."""
    if key is None:
        return {}
    return {"Authorization": key.prefixed("Bearer ")} if header == "bearer" else {header: key}


async def authenticate(
    model: str,
    *,
    key: Secret | None = None,
    base_url: str = URL,
    header: KeyHeader = "bearer",
    seconds: int = 600,
    session: Mapping[str, object] | None = None,
    insecure: bool = False,
) -> EphemeralKey:
    """Ask for a key that is worth something for a short time: for a browser, or a process that is not to have the real one.

    ``open_openai(model, key=ephemeral.value)`` uses it. Needs the extra ``rest``. Checkpoint: yes. On cancel: there may be one more.

    Args:
        model: the model that it opens.
        key: the API key; by default the variable OPENAI_API_KEY, or the file that OPENAI_API_KEY_FILE names.
        base_url: the server; the path /realtime/client_secrets is added.
        header: how the key is sent; "api-key" is Azure's way.
        seconds: how long it opens sessions, 10 to 7200; one that is open goes on.
        session: more of the session that it opens, as OpenAI names it.
        insecure: let the key travel unencrypted to another machine.

    Raises:
        MissingExtraError: the HTTP client is not installed.
        OptionError: there is no key, ``seconds`` is out of range, or the URL is none.
        InsecureConnectionError: the key would travel unencrypted.
        ModelRefused: the key is not accepted.
        RestError: the server refused for another reason; has its status.
        trio.BrokenResourceError: the server cannot be reached, or what it said is no key.
    """
    asked = secret_request(model, seconds, session or {})
    url = rest_url(base_url)
    require_private(url, insecure=insecure)
    async with open_rest(url, headers=_authorisation(key or _key_for(url), header), insecure=insecure) as rest:
        try:
            answer = await rest.request("POST", "/realtime/client_secrets", body=asked, repeatable=True)
        except RestError as exc:
            if exc.status in REFUSED:
                raise ModelRefused(f"{exc}; check the key in the variable {KEY}") from exc
            raise
    value, expires_at, described = secret_untrusted(answer.body)
    return EphemeralKey(Secret(value), expires_at, described)


@dataclass(frozen=True, slots=True)
class EphemeralKey:
    """A key for a short time; made by `authenticate`.

    Args:
        value: the key, for the option ``key`` of the plugin or for a browser (``value.reveal()``).
        expires_at: until when it opens sessions, in seconds of the epoch.
        session: the session that it opens, as the server describes it.
    """

    value: Secret
    expires_at: float
    session: Mapping[str, object] = field(repr=False)
