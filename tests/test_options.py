"""The option grammar: what a spec says, how it becomes arguments, and what is said when it cannot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio._errors import OptionError, PluginError
from trioaudio._options import MASK, Option, Spec, bind, describe, format_spec, masked, parse_spec
from trioaudio.audio import MULAW_8K, PCM16_16K, AudioFormat

if TYPE_CHECKING:
    from decimal import Decimal

    from trioaudio.abc import Source


class Wire:
    """Something no text can give."""


@asynccontextmanager
async def open_file(
    file: Path,
    *,
    rate: int = 8000,
    gain: float = 1.0,
    loop: bool = False,
    law: Literal["mulaw", "alaw"] = "mulaw",
    format: AudioFormat = MULAW_8K,
    title: str | None = "call",
    limit: float | None = 5.0,
) -> AsyncIterator[Source]:  # a name only type checkers know, as in a plugin that imports it under TYPE_CHECKING
    """Play a file.

    Args:
        file: the file to play,
            of any format.
        rate (int): samples per second: a whole number.

        gain: factor.

    Raises:
        AudioFileError: it is no audio.
    """
    yield  # type: ignore[misc]


def open_cloud(
    model: str = "small",
    *,
    api_key: Annotated[str, Option(help="the key", env="ACME_KEY", secret=True)],
    retries: Annotated[int, Option(env="ACME_RETRIES")] = 3,
) -> None:
    """Args:
    api_key: not this one.
    """


def open_hidden_secret(token: Annotated[str, Option(secret=True)] | None = "opensesame") -> None: ...


def open_pipe(wire: Wire, name: str = "pipe") -> None: ...


def open_either(where: Path | BinaryIO, size: str | int = 1, wire: Wire | None = None) -> None: ...


def open_untyped(what, more="x"): ...  # type: ignore[no-untyped-def]


def open_unresolved(amount: Decimal) -> None: ...


def open_nothing() -> None: ...


def values(open: Callable[..., object], text: str, **environ: str) -> dict[str, object]:
    return dict(bind(open, parse_spec(text), environ).arguments)


def refusal(open: Callable[..., object], text: str, **environ: str) -> str:
    with pytest.raises(OptionError) as caught:
        values(open, text, **environ)
    return str(caught.value)


# the grammar


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("parrot", Spec("parrot")),
        ("wavfile:", Spec("wavfile", "")),
        ("wavfile:call.wav", Spec("wavfile", "call.wav")),
        ("parrot?delay=2", Spec("parrot", None, {"delay": "2"})),
        ("parrot?", Spec("parrot")),
        ("wavfile:call.wav?rate=8000&loop", Spec("wavfile", "call.wav", {"rate": "8000", "loop": None})),
        ("wavfile:call.wav?loop=", Spec("wavfile", "call.wav", {"loop": ""})),
        ("wavfile:a b&c=d+e:f.wav", Spec("wavfile", "a b&c=d+e:f.wav")),
        (r"wavfile:C:\calls\x.wav", Spec("wavfile", r"C:\calls\x.wav")),
        ("wavfile:what%3F.wav?title=a%26b", Spec("wavfile", "what?.wav", {"title": "a&b"})),
        ("wavfile:gr%C3%BC%C3%9Fe.wav", Spec("wavfile", "grüße.wav")),
        ("wavfile:grüße 100%.wav", Spec("wavfile", "grüße 100%.wav")),
        ("wavfile:100%25ab.wav", Spec("wavfile", "100%ab.wav")),
        ("x:ws://host:1/p?y=1", Spec("x", "ws://host:1/p", {"y": "1"})),
        ("x:ws://host:1/p%3Fy=1?z=2", Spec("x", "ws://host:1/p?y=1", {"z": "2"})),
        ("x?url=ws://host:1/p?y=1", Spec("x", None, {"url": "ws://host:1/p?y=1"})),
        ("x?max-turn=3", Spec("x", None, {"max_turn": "3"})),
        ("x?a=1&&b=2&", Spec("x", None, {"a": "1", "b": "2"})),
    ],
)
def test_spec_means_what_the_grammar_says(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize("text", ["", ":call.wav", "?a=1"])
def test_spec_without_a_name_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(OptionError, match=r"wavfile:caller\.wav"):
        parse_spec(text)


@pytest.mark.parametrize("text", ["x?key=1&key=2", "x?=sesame", "x?key=%FFsesame", "x:%FFsesame"])
def test_malformed_spec_is_refused_without_quoting_values(text: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_spec(text)
    assert "sesame" not in str(caught.value)


names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.text("%?&=:+ aF0", max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.builds(Spec, names, st.none() | texts, st.dictionaries(names, st.none() | texts, max_size=3)))
def test_every_spec_can_be_written_and_read_back(spec: Spec) -> None:
    assert parse_spec(format_spec(spec)) == spec


def test_repr_of_a_spec_shows_no_values() -> None:
    assert "sesame" not in repr(Spec("x", "sesame", {"key": "sesame"}))


# binding


def test_each_type_is_read_from_its_text() -> None:
    spec = "file:a.wav?rate=16000&gain=.5&loop=yes&law=alaw&format=pcm16/16000&title=hello&limit=2"
    assert values(open_file, spec) == {
        "file": Path("a.wav"),
        "rate": 16000,
        "gain": 0.5,
        "loop": True,
        "law": "alaw",
        "format": PCM16_16K,
        "title": "hello",
        "limit": 2.0,
    }


def test_what_is_not_given_is_left_to_the_signature() -> None:
    assert values(open_file, "file:a.wav") == {"file": Path("a.wav")}


def test_positional_may_be_given_by_name() -> None:
    assert values(open_file, "file?file=a.wav") == {"file": Path("a.wav")}


@pytest.mark.parametrize(
    ("text", "flag"), [("loop", True), ("loop=On", True), ("loop=1", True), ("loop=false", False), ("loop=no", False), ("loop=0", False)]
)
def test_flag_is_read_from_its_many_words(text: str, flag: bool) -> None:
    assert values(open_file, f"file:a.wav?{text}")["loop"] is flag


def test_none_is_none_where_it_is_allowed() -> None:
    assert values(open_file, "file:none?title=none&limit=none") == {"file": Path("none"), "title": None, "limit": None}


def test_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert values(open_file, "file:~/a.wav") == {"file": tmp_path / "a.wav"}


def test_union_takes_the_narrowest_type_that_fits() -> None:
    assert values(open_either, "either:a.wav?size=7") == {"where": Path("a.wav"), "size": 7}
    assert values(open_either, "either:a.wav?size=big") == {"where": Path("a.wav"), "size": "big"}


def test_parameters_without_annotation_are_text() -> None:
    assert values(open_untyped, "untyped:1?more=2") == {"what": "1", "more": "2"}


def test_bound_arguments_can_be_called_with() -> None:
    def open(first: int, /, second: int, *, third: int) -> tuple[int, int, int]:
        return first, second, third

    bound = bind(open, parse_spec("x:1?third=3&second=2"))
    assert open(*bound.args, **bound.kwargs) == (1, 2, 3)


# the environment and secrets


def test_environment_fills_in_what_is_not_given() -> None:
    assert values(open_cloud, "cloud", ACME_KEY="sesame", ACME_RETRIES="5") == {"api_key": "sesame", "retries": 5}


def test_given_option_wins_over_the_environment() -> None:
    assert values(open_cloud, "cloud?api_key=mine", ACME_KEY="sesame") == {"api_key": "mine"}


def test_missing_option_names_the_environment_variable_too() -> None:
    message = refusal(open_cloud, "cloud", ACME_KEY="")
    assert "'api_key' (the key)" in message
    assert "ACME_KEY" in message
    assert "cloud?api_key=VALUE" in message


def test_wrong_value_in_the_environment_is_blamed_on_the_variable() -> None:
    message = refusal(open_cloud, "cloud?api_key=x", ACME_RETRIES="many")
    assert message == "cloud: environment variable ACME_RETRIES is 'many'; expected: whole number"


def test_secret_is_masked_where_a_spec_is_shown() -> None:
    assert masked(open_cloud, parse_spec("cloud:large?api_key=sesame&retries=2")) == f"cloud:large?api_key={MASK}&retries=2"
    assert masked(open_hidden_secret, parse_spec("x:sesame")) == f"x:{MASK}"


def test_secret_is_masked_in_an_error_and_its_traceback() -> None:
    def open(pin: Annotated[int, Option(secret=True)]) -> None: ...

    with pytest.raises(OptionError) as caught:
        bind(open, parse_spec("x:sesame"))
    assert str(caught.value) == "x: option 'pin' is '***'; expected: whole number"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_secret_inside_a_union_is_still_a_secret() -> None:
    (info,) = describe(open_hidden_secret)
    assert (info.secret, info.default) == (True, MASK)


# refusals


def test_unknown_option_gets_a_suggestion_and_the_list() -> None:
    message = refusal(open_cloud, "cloud?retires=3")
    assert message == "cloud has no option 'retires'; did you mean 'retries'? (its options are model, api_key, retries)"


def test_unknown_option_after_a_value_explains_the_question_mark() -> None:
    assert "%3F" in refusal(open_file, "file:http://host/a?b=1")


def test_unknown_option_of_a_plugin_without_options() -> None:
    assert refusal(open_nothing, "x?a=1") == "x has no option 'a' (it has none)"


def test_value_after_the_colon_needs_somewhere_to_go() -> None:
    assert "takes no value after the colon" in refusal(open_nothing, "x:1")


def test_option_given_by_place_and_by_name_is_refused() -> None:
    assert "given twice" in refusal(open_file, "file:a.wav?file=b.wav")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("rate=fast", "option 'rate' is 'fast'; expected: whole number"),
        ("rate=1.5", "option 'rate' is '1.5'; expected: whole number"),
        ("gain=nan", "option 'gain' is 'nan'; expected: number"),
        ("loop=maybe", "option 'loop' is 'maybe'; expected: true or false"),
        ("law=ulaw", "option 'law' is 'ulaw'; expected: one of mulaw, alaw"),
        ("limit=soon", "option 'limit' is 'soon'; expected: number or none"),
        ("rate", "option 'rate' has no value; write rate=VALUE"),
        ("format=pcm17/8000", "expected: audio format such as pcm16/24000 (encoding 'pcm17' is not known"),
    ],
)
def test_wrong_type_names_option_value_and_what_was_expected(given: str, expected: str) -> None:
    assert expected in refusal(open_file, f"file:a.wav?{given}")


def test_empty_path_is_refused() -> None:
    assert "expected: path" in refusal(open_file, "file:")


def test_missing_option_shows_how_to_write_it() -> None:
    message = refusal(open_file, "file")
    assert message == "file needs its option 'file' (the file to play, of any format); write file:FILE"


def test_option_that_no_text_can_give_is_refused() -> None:
    assert "open it from Python" in refusal(open_pipe, "pipe")
    assert "open it from Python" in refusal(open_pipe, "pipe?wire=copper")
    assert "open it from Python" in refusal(open_either, "either:a.wav?wire=copper")


def test_annotation_only_type_checkers_understand_is_the_plugins_fault() -> None:
    with pytest.raises(PluginError, match=r"'Decimal'.*'amount'.*open_unresolved.*import its names at run time"):
        values(open_unresolved, "x:1")


# description


def test_description_has_all_that_a_table_of_options_needs() -> None:
    options = {info.name: info for info in describe(open_file)}
    assert list(options) == ["file", "rate", "gain", "loop", "law", "format", "title", "limit"]
    file, rate = options["file"], options["rate"]
    assert (file.type, file.default, file.required, file.positional) == ("path", "", True, True)
    assert (rate.type, rate.default, rate.required, rate.positional) == ("whole number", "8000", False, False)


def test_defaults_are_described_as_they_would_be_written() -> None:
    defaults = {info.name: info.default for info in describe(open_file)}
    assert defaults == {
        "file": "",
        "rate": "8000",
        "gain": "1",
        "loop": "false",
        "law": "mulaw",
        "format": "mulaw/8000",
        "title": "call",
        "limit": "5",
    }
    del defaults["file"]
    spec = format_spec(Spec("file", "a.wav", defaults))
    assert values(open_file, spec)["format"] == MULAW_8K


def test_help_comes_from_the_docstring() -> None:
    helps = {info.name: info.help for info in describe(open_file)}
    assert helps["file"] == "the file to play, of any format."
    assert helps["rate"] == "samples per second: a whole number."
    assert helps["gain"] == "factor."
    assert helps["loop"] == ""


def test_help_of_the_annotation_wins_over_the_docstring() -> None:
    (key,) = [info for info in describe(open_cloud) if info.name == "api_key"]
    assert (key.help, key.env, key.secret, key.required) == ("the key", "ACME_KEY", True, True)


def test_single_documented_option_keeps_its_continuation_lines() -> None:
    def open(file: str) -> None:
        """Play.

        Args:
            file: the one
                and only.
        """

    assert [info.help for info in describe(open)] == ["the one and only."]


def test_first_option_that_text_can_give_is_the_positional_one() -> None:
    assert {info.name: info.positional for info in describe(open_pipe)} == {"wire": False, "name": True}
