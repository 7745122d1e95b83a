"""An agent is a frozen description; from code or from a file, whatever is wrong with it is said at once and in one line."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from trioaudio import Agent, KeyGroups, OptionError, TurnDetection, collect


def from_text(path: Path, text: str) -> Agent:
    file = path / "agent.toml"
    file.write_text(text, encoding="utf-8")
    return Agent.from_file(file)


def greet(name: str) -> str:
    """Greet somebody."""
    return f"hello {name}"


def test_replace_makes_another_one() -> None:
    agent = Agent("You are kind.", voice="alto")
    other = agent.replace(voice="bass", greeting="Hello.")
    assert (agent.voice, agent.greeting) == ("alto", None)
    assert (other.instructions, other.voice, other.greeting) == ("You are kind.", "bass", "Hello.")


def test_replace_names_the_field_that_was_meant() -> None:
    with pytest.raises(TypeError, match="an Agent has no 'greting'; did you mean 'greeting'"):
        Agent().replace(greting="Hello.")


def test_plain_functions_become_tools() -> None:
    (tool,) = Agent(tools=[greet]).tools
    assert (tool.name, tool.description) == ("greet", "Greet somebody.")
    assert Agent(tools=[greet]).replace(voice="alto").tools[0].name == "greet"


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="two tools are called 'greet'"):
        Agent(tools=[greet, greet])


def test_variables_fill_instructions_and_greeting() -> None:
    agent = Agent("You work for {company}.", greeting="Hello {name}!", variables={"company": "Acme", "name": "Bob", "unused": 1})
    assert agent.filled().instructions == "You work for Acme."
    assert agent.filled().greeting == "Hello Bob!"


def test_a_missing_variable_is_named_with_the_nearest_one() -> None:
    with pytest.raises(OptionError, match="the agent's greeting has the variable 'nmae'; did you mean 'name'"):
        Agent(greeting="Hello {nmae}", variables={"name": "Bob"}).filled()


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{x}}", "{x}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ('{{"a": {{"b": "{x}"}}}}', '{"a": {"b": "1"}}'),
        ("{ x } {} {0} }", "{ x } {} {0} }"),
        ("{x}{{x}}{x}", "1{x}1"),
    ],
)
def test_braces_that_are_no_placeholders_stay(text: str, filled: str) -> None:
    assert Agent(text, variables={"x": 1}).filled().instructions == filled


def test_what_a_variable_says_is_never_a_placeholder() -> None:
    assert Agent("{a}", variables={"a": "{b} {{"}).filled().instructions == "{b} {{"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TurnDetection(mode="servr"), "TurnDetection.mode is 'servr'; did you mean 'server'"),  # type: ignore[arg-type]
        (lambda: TurnDetection(threshold=2), "TurnDetection.threshold is 2"),
        (lambda: TurnDetection(silence_ms=0), "TurnDetection.silence_ms is 0"),
        (lambda: TurnDetection(eagerness="very"), "TurnDetection.eagerness is 'very'"),  # type: ignore[arg-type]
        (lambda: Agent(dtmf="txt"), "Agent.dtmf is 'txt'; did you mean 'text'"),  # type: ignore[arg-type]
        (lambda: collect(0), "at least one key"),
        (lambda: collect(end="##"), "must be one key"),
        (lambda: collect(timeout=0), "more than 0 s"),
    ],
)
def test_values_that_cannot_be_are_refused_where_they_are_written(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(OptionError, match=message):
        make()


def test_a_file_says_all_that_code_can(tmp_path: Path) -> None:
    agent = from_text(
        tmp_path,
        """
        instructions = "You are {name}."
        voice = "alto"
        greeting = "Hello."
        transcribe = false
        tools = ["test_agent:greet"]
        dtmf = { n = 4, end = "#" }

        [turn_detection]
        mode = "semantic"
        silence_ms = 300
        interrupt = false

        [variables]
        name = "Eve"

        [provider_options]
        temperature = 0.5
        """,
    )
    assert agent.filled().instructions == "You are Eve."
    assert [tool.name for tool in agent.tools] == ["greet"]
    assert agent.dtmf == KeyGroups(4, "#")
    assert agent.turn_detection == TurnDetection("semantic", silence_ms=300.0, interrupt=False)
    assert agent.provider_options == {"temperature": 0.5}
    assert not agent.transcribe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("greting = 'x'", r"agent\.toml, line 1: greting is unknown; did you mean 'greeting'"),
        ("voice = 'x'\n\ninstructions = 3", r"agent\.toml, line 3: instructions is 3; expected: text"),
        ("voice = ?", r"agent\.toml: no TOML: .*line 1"),
        (
            "voice = 'x'\n[turn_detection]\nmode = 'sever'",
            r"agent\.toml, line 3: turn_detection\.mode is 'sever'; expected: one of",
        ),
        ("turn_detection = { silence_ms = -1 }", r"agent\.toml, line 1: .*TurnDetection\.silence_ms is -1"),
        ("turn_detection = { silnce_ms = 1 }", r"agent\.toml, line 1: turn_detection\.silnce_ms is unknown; did you mean 'silence_ms'"),
        ("transcribe = 'yes'", r"agent\.toml, line 1: transcribe is 'yes'; expected: true or false"),
        ("tools = 'hang_up'", r"agent\.toml, line 1: tools is 'hang_up'; expected: a list"),
        ("tools = ['no_such_module:fly']", r"agent\.toml, line 1: tools\[0\] is 'no_such_module:fly', whose module cannot be imported"),
        ("tools = ['test_agent:gret']", r"no 'gret' in test_agent; did you mean 'greet'"),
        ("tools = ['json:loads']", r"'json:loads', which is no tool"),
        ("tools = [{ sales = '+49' }]", r"tools\[0\]\.use is missing"),
        ("dtmf = 'txt'", r"agent\.toml, line 1: dtmf is 'txt'; expected: one of 'ignore', 'text'"),
    ],
)
def test_whatever_is_wrong_in_a_file_is_one_line_that_says_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        from_text(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_the_file_of_the_documentation_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    docs = Path(__file__).parents[1] / "docs"
    shop = ModuleType("shop.tools")
    shop.look_up = greet  # type: ignore[attr-defined]  # it is made up
    monkeypatch.setitem(sys.modules, "shop.tools", shop)
    agent = Agent.from_file(docs / "examples" / "agent.toml")
    assert [tool.name for tool in agent.tools] == ["hang_up", "transfer", "greet"]
    assert (docs / "examples" / "agent.toml").read_text(encoding="utf-8") in (docs / "howto" / "tools.md").read_text(encoding="utf-8")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"nobody\.toml: cannot be read \(No such file"):
        Agent.from_file(tmp_path / "nobody.toml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(OptionError, match=r"agent\.toml: no UTF-8 text"):
        Agent.from_file(tmp_path / "agent.toml")


def test_what_may_be_secret_is_not_shown() -> None:
    assert "hush" not in repr(Agent(variables={"pin": "hush"}, provider_options={"key": "hush"}))
