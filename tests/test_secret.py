"""`Secret`: where a key comes from, that nothing shows it, and where it must not travel."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from trioaudio import InsecureConnectionError, OptionError, Secret
from trioaudio._options import ConfiguredOption, bind, describe, masked, parse_spec
from trioaudio.abc import Model, Option, require_private

KEY = "swordfish-4711"


@asynccontextmanager
async def open_cloud(
    *, key: Annotated[Secret, Option(env="CLOUD_KEY")], token: Secret | None = None, pin: Annotated[str, Option(secret=True)] = ""
) -> AsyncGenerator[Model, None]:
    """A model far away."""
    yield NotImplemented


class TestWhereItComesFrom:
    """A value, a variable, a file, a function."""

    def test_a_value(self) -> None:
        assert Secret(KEY).reveal() == KEY

    def test_a_function_that_is_asked_each_time(self) -> None:
        keys = iter(["old", "new"])
        secret = Secret(lambda: next(keys))
        assert [secret.reveal(), secret.reveal()] == ["old", "new"]

    def test_another_one_with_something_before_it(self) -> None:
        keys = iter(["old", "new"])
        header = Secret(lambda: next(keys)).prefixed("Bearer ")
        assert [header.reveal(), header.reveal()] == ["Bearer old", "Bearer new"]
        assert "Bearer" not in repr(header)

    def test_a_variable(self) -> None:
        assert Secret.from_environment("CLOUD_KEY", {"CLOUD_KEY": KEY, "CLOUD_KEY_FILE": "/nowhere"}).reveal() == KEY

    def test_a_file_that_a_variable_names_and_that_may_change(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        path.write_text("old\n", encoding="utf-8")
        secret = Secret.from_environment("CLOUD_KEY", {"CLOUD_KEY": "", "CLOUD_KEY_FILE": str(path)})
        assert secret.reveal() == "old"
        path.write_text("  new \n", encoding="utf-8")
        assert secret.reveal() == "new"

    def test_a_file_that_goes_away(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        path.write_text(KEY, encoding="utf-8")
        secret = Secret.from_file(path)
        path.unlink()
        with pytest.raises(OptionError, match=r"key cannot be read: no such file or directory"):
            secret.reveal()

    def test_nowhere(self) -> None:
        with pytest.raises(OptionError, match=r"set the environment variable CLOUD_KEY, or CLOUD_KEY_FILE to the name of a file"):
            Secret.from_environment("CLOUD_KEY", {})

    def test_a_file_that_is_not_there(self) -> None:
        with pytest.raises(OptionError, match=r"the file /nowhere, which CLOUD_KEY_FILE names, cannot be read: no such file"):
            Secret.from_environment("CLOUD_KEY", {"CLOUD_KEY_FILE": "/nowhere"})

    @pytest.mark.parametrize("value", ["", f"{KEY}\n", f"{KEY}\r\nX-Header: 1", "\0"])
    def test_what_cannot_be_a_key_is_refused_and_not_quoted(self, value: str) -> None:
        with pytest.raises(OptionError, match=r"is empty|has a line end") as raised:
            Secret(value)
        assert KEY not in str(raised.value)

    def test_a_function_that_returns_something_else(self) -> None:
        wrong: Any = lambda: KEY.encode()  # noqa: E731
        with pytest.raises(OptionError, match="is a bytes; expected: text") as raised:
            Secret(wrong).reveal()
        assert KEY not in str(raised.value)


@dataclass
class Settings:
    """Somebody's settings, with a key in them."""

    key: Secret


SHOWN: list[Callable[[Secret], object]] = [
    repr,
    str,
    lambda secret: f"{secret}",
    lambda secret: f"{secret!r:>40}",
    lambda secret: f"{secret:s}",
    lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    lambda secret: Settings(secret),
    lambda secret: asdict(Settings(secret)),
    lambda secret: [secret, {"key": secret}],
    lambda secret: copy.copy(secret),
    lambda secret: copy.deepcopy(Settings(secret)),
    lambda secret: [getattr(secret, name) for name in dir(secret) if name not in ("reveal", "__doc__")],
]


class TestThatNothingShowsIt:
    """Its repr, its text, its errors."""

    @pytest.mark.parametrize("show", SHOWN)
    def test_it_is_masked(self, show: Callable[[Secret], object]) -> None:
        shown = repr(show(Secret(KEY)))
        assert KEY not in shown

    def test_the_mask_tells_nothing_of_its_length(self) -> None:
        assert repr(Secret("k")) == repr(Secret("k" * 100))

    def test_a_repr_says_where_it_is_from(self) -> None:
        assert repr(Secret.from_environment("CLOUD_KEY", {"CLOUD_KEY": KEY})) == "<Secret *** from CLOUD_KEY>"

    def test_it_is_not_pickled(self) -> None:
        with pytest.raises(TypeError, match="a Secret is not pickled"):
            pickle.dumps(Secret(KEY))
        with pytest.raises(TypeError):
            json.dumps(Secret(KEY))

    def test_a_traceback_with_locals_is_masked(self) -> None:
        def connect(key: Secret) -> None:
            key.matches("guess")
            raise ConnectionError(f"refused {key}")

        with pytest.raises(ConnectionError) as raised:
            connect(Secret(KEY))
        assert KEY not in "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())

    def test_it_is_compared(self) -> None:
        assert Secret(KEY) == Secret(lambda: KEY)
        assert Secret(KEY) != Secret("other")
        assert Secret(KEY) != KEY
        assert Secret(KEY).matches(KEY)
        assert not Secret(KEY).matches("")

    def test_it_has_no_hash(self) -> None:
        with pytest.raises(TypeError):
            hash(Secret(KEY))


class TestAsAnOption:
    """A parameter of ``open_*`` that is annotated ``Secret``."""

    def test_is_read_from_the_spec(self) -> None:
        arguments = bind(open_cloud, parse_spec(f"cloud?key={KEY}&token=t"), {}).arguments
        assert (arguments["key"].reveal(), arguments["token"].reveal()) == (KEY, "t")

    def test_is_read_from_the_environment(self) -> None:
        assert bind(open_cloud, parse_spec("cloud"), {"CLOUD_KEY": KEY}).arguments["key"].reveal() == KEY

    def test_is_read_from_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        path.write_text(f"{KEY}\n", encoding="utf-8")
        for spec, environ, configured in [
            (f"cloud?key_file={path}", {}, {}),
            ("cloud", {"CLOUD_KEY_FILE": str(path)}, {}),
            ("cloud", {}, {"key_file": ConfiguredOption(str(path), "trioaudio.toml:2")}),
        ]:
            assert bind(open_cloud, parse_spec(spec), environ, configured).arguments["key"].reveal() == KEY

    def test_a_secret_that_is_a_text_may_be_in_a_file_too(self, tmp_path: Path) -> None:
        path = tmp_path / "pin"
        path.write_text("0815\n", encoding="utf-8")
        assert bind(open_cloud, parse_spec(f"cloud?key=k&pin_file={path}"), {}).arguments["pin"] == "0815"

    def test_a_file_that_cannot_be_read_is_named(self) -> None:
        with pytest.raises(OptionError, match=r"cloud: the file /nowhere, which CLOUD_KEY_FILE names, cannot be read"):
            bind(open_cloud, parse_spec("cloud"), {"CLOUD_KEY_FILE": "/nowhere"})

    def test_is_never_quoted(self) -> None:
        with pytest.raises(OptionError) as raised:
            bind(open_cloud, parse_spec(f"cloud?key={KEY}%0A"), {})
        assert str(raised.value) == "cloud: option 'key' is '***'; expected: secret"
        assert raised.value.__suppress_context__

    def test_is_masked_in_a_spec(self) -> None:
        assert masked(open_cloud, parse_spec(f"cloud?key={KEY}&token={KEY}&pin={KEY}")) == "cloud?key=***&token=***&pin=***"

    def test_is_described_as_one(self) -> None:
        assert [option.secret for option in describe(open_cloud)] == [True, True, True]

    def test_what_is_missing_is_named_with_its_ways(self) -> None:
        with pytest.raises(OptionError, match=r"set the environment variable CLOUD_KEY \(or CLOUD_KEY_FILE\), or write cloud\?key=VALUE"):
            bind(open_cloud, parse_spec("cloud"), {})


class TestWhereItMayTravel:
    """No key goes in the clear to another machine."""

    @pytest.mark.parametrize(
        "url",
        [
            "wss://api.example.com/v1",
            "https://api.example.com",
            "ws://localhost:8080",
            "http://127.0.0.2/",
            "ws://[::1]:1/",
            "http://a.localhost",
        ],
    )
    def test_private_ways(self, url: str) -> None:
        require_private(url)

    @pytest.mark.parametrize(
        ("url", "complaint"),
        [
            (
                "ws://api.example.com/v1?key=swordfish",
                "no key is sent over ws:// to api.example.com: use wss://, or allow it with --insecure",
            ),
            ("http://me:swordfish@10.0.0.1:80/", "no key is sent over http:// to 10.0.0.1:80: use https://, or allow it with --insecure"),
            ("ws://[2001:db8::1]:99/", "no key is sent over ws:// to [2001:db8::1]:99: use wss://, or allow it with --insecure"),
            ("ws://127.0.0.1.example.com/", "no key is sent over ws:// to 127.0.0.1.example.com: use wss://, or allow it with --insecure"),
            ("api.example.com", "no key is sent over no scheme:// to no host: use https:// or wss://, or allow it with --insecure"),
            ("ftp://localhost/", "no key is sent over ftp:// to localhost: use https:// or wss://, or allow it with --insecure"),
        ],
    )
    def test_ways_that_others_can_read(self, url: str, complaint: str) -> None:
        with pytest.raises(InsecureConnectionError) as raised:
            require_private(url)
        assert str(raised.value) == complaint

    def test_unless_it_is_allowed(self) -> None:
        require_private("ws://api.example.com", insecure=True)
