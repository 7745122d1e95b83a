"""A tool is what its signature and its docstring say; what a model gives it is not believed."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio import CallContext, Tool, tool


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Place:
    street: str
    number: int = 1
    tags: list[str] = field(default_factory=list)


class Wish(TypedDict):
    what: str
    when: NotRequired[str]


@dataclass
class Loop:
    inner: Loop | None = None


def properties(made: Tool) -> dict[str, Any]:
    found = made.parameters["properties"]
    assert isinstance(found, dict)
    return found


def schema_of(annotation: object) -> object:
    def fn(x: str) -> None: ...

    fn.__annotations__["x"] = annotation
    return properties(tool(fn))["x"]


def read(annotation: object, value: object) -> object:
    def fn(x: str) -> None: ...

    fn.__annotations__["x"] = annotation
    return tool(fn).read_arguments(json.dumps({"x": value}))["x"]


# ---- the schema


def test_name_description_and_parameters_come_from_the_function() -> None:
    @tool
    def look_up(key: str, limit: int = 3) -> str:
        """Find a customer.

        By number or by name.

        Args:
            key: their number,
                or their name.
            limit: how many at most.

        Returns:
            What was found.
        """
        return key * limit

    assert (look_up.name, look_up.description) == ("look_up", "Find a customer.\n\nBy number or by name.")
    assert look_up.parameters == {
        "type": "object",
        "properties": {
            "key": {"type": "string", "description": "their number, or their name."},
            "limit": {"type": "integer", "description": "how many at most.", "default": 3},
        },
        "required": ["key"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, {"type": "string"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Any, {}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
        (dict, {"type": "object", "additionalProperties": True}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Colour, {"enum": ["red", "blue"]}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Annotated[int, "how many"], {"type": "integer", "description": "how many"}),
    ],
)
def test_every_supported_annotation_has_a_schema(annotation: object, schema: object) -> None:
    assert schema_of(annotation) == schema


def test_dataclasses_and_typed_dicts_are_objects() -> None:
    place: Any = schema_of(Place)
    assert place["required"] == ["street"]
    assert place["properties"]["number"] == {"type": "integer", "default": 1}
    wish: Any = schema_of(Wish)
    assert wish["required"] == ["what"]
    assert list(wish["properties"]) == ["what", "when"]


def test_a_schema_is_json() -> None:
    @tool
    def all_of_it(a: Colour, b: Place, c: list[Wish] | None = None, d: Colour = Colour.RED) -> None: ...

    assert json.loads(json.dumps(all_of_it.parameters)) == all_of_it.parameters


def test_a_context_stays_out_of_the_schema() -> None:
    @tool
    def who(context: CallContext, name: str) -> str:
        return name

    assert list(properties(who)) == ["name"]
    assert list(who.supplied) == ["context"]


@pytest.mark.parametrize(
    ("annotation", "what"),
    [(complex, "complex is not supported"), (set[str], "set"), (dict[int, str], "keys of type int"), (Loop, "Loop contains itself")],
)
def test_an_annotation_that_no_json_can_be_is_refused_where_the_tool_is_written(annotation: object, what: str) -> None:
    with pytest.raises(TypeError, match=rf"parameter 'x' of the tool 'fn' cannot be given by a model: .*{what}.*it may be str, int"):
        schema_of(annotation)


def test_a_parameter_without_annotation_is_refused() -> None:
    with pytest.raises(TypeError, match="parameter 'x' of the tool 'fn' has no annotation; a tool's parameters are str"):

        @tool
        def fn(x) -> None: ...  # type: ignore[no-untyped-def]


def test_an_annotation_known_to_type_checkers_only_is_refused() -> None:
    with pytest.raises(TypeError, match=r"parameter 'x' cannot be understood.*import its names at run time"):

        @tool
        def fn(x: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize("fn", [lambda *names: None, lambda **names: None, lambda name, /: None])
def test_parameters_without_a_name_of_their_own_are_refused(fn: Any) -> None:
    with pytest.raises(TypeError, match="a model gives arguments by name"):
        tool(fn)


def test_a_name_that_providers_refuse_is_refused_here() -> None:
    with pytest.raises(ValueError, match=r"cannot be called '<lambda>'.*tool\(name=\.\.\.\)"):
        tool(lambda: None)
    with pytest.raises(ValueError, match="timeout of the tool 'now' is 0"):
        tool(name="now", timeout=0)(lambda: None)


def test_a_tool_is_still_the_function_it_was() -> None:
    @tool(name="double", description="Twice as much.", timeout=2)
    def twice(x: int) -> int:
        return 2 * x

    assert (twice.name, twice.description, twice.timeout, twice(4)) == ("double", "Twice as much.", 2, 8)


def test_partials_methods_and_callable_objects_can_be_tools() -> None:
    class Shop:
        def price(self, item: str) -> str:
            """What it costs."""
            return item

        async def __call__(self, item: str) -> str:
            return item

    def both(a: str, b: str) -> str:
        return a + b

    assert list(properties(tool(Shop().price))) == ["item"]
    assert tool(name="shop")(Shop()).is_async
    assert not tool(Shop().price).is_async
    assert "a" in properties(tool(name="half")(partial(both, b="2")))


# ---- arguments


@pytest.mark.parametrize(
    ("annotation", "value", "meant"),
    [
        (int, "4", 4),
        (int, 4.0, 4),
        (float, "0.5", 0.5),
        (str, 12, "12"),
        (bool, "True", True),
        (Colour, "blue", Colour.BLUE),
        (Literal["a", 1], "A", "a"),
        (list[int], ["1", 2], [1, 2]),
        (int | str, "5", "5"),
        (int | None, None, None),
        (Place, {"street": "High", "number": "7"}, Place("High", 7)),
        (Wish, {"what": "tea"}, {"what": "tea"}),
        (dict[str, Place], {"home": {"street": "High"}}, {"home": Place("High")}),
    ],
)
def test_arguments_become_what_the_annotation_says(annotation: object, value: object, meant: object) -> None:
    assert read(annotation, value) == meant


@pytest.mark.parametrize(
    ("annotation", "value", "complaint"),
    [
        (int, "four", "x is 'four'; expected: a whole number"),
        (int, 4.5, "expected: a whole number"),
        (int, True, "expected: a whole number"),
        (float, "nan", "expected: a number"),
        (bool, 1, "expected: true or false"),
        (str, ["a"], "expected: text"),
        (str, None, "expected: text"),
        (Colour, "green", "one of 'red', 'blue'"),
        (list[int], [1, "b"], r"x\[1\] is 'b'; expected: a whole number"),
        (list[int], "1", "expected: a list"),
        (Place, {"number": 7}, r"x\.street is missing; expected: text"),
        (Place, {"stret": "High"}, r"x\.stret is unknown; did you mean 'street'"),
        (Place | None, {"street": "High", "number": "z"}, r"x\.number is 'z'; expected: a whole number"),
        (dict[str, int], {"a": []}, r"x\.a is \[\]; expected: a whole number"),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_expected(annotation: object, value: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read(annotation, value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "the arguments are no JSON"),
        ("[1]", "expected: a JSON object"),
        ("{}", "x is missing; expected: a number"),
        ('{"x": 1, "y": 2}', r"y is unknown \(there are x\)"),
        ('{"x": 1e999}', "expected: a number"),
        ("[" * 100_000, "the arguments are no JSON"),
        ('{"x": ' + "9" * 5_000 + "}", "the arguments are no JSON|expected: a number"),
    ],
)
def test_text_that_is_no_arguments_is_refused(text: str, complaint: str) -> None:
    @tool
    def fn(x: float) -> None: ...

    with pytest.raises(ValueError, match=complaint):
        fn.read_arguments(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@settings(max_examples=50, deadline=None)
@given(JSON | st.fixed_dictionaries({}, optional={"a": JSON, "b": JSON, "c": JSON, "d": JSON}))
def test_whatever_a_model_gives_is_read_or_refused_with_a_message(value: object) -> None:
    @tool
    def fn(a: int | list[Colour] = 1, b: Place | None = None, c: Wish | dict[str, bool] | None = None, d: float = 0.0) -> None: ...

    try:
        arguments = fn.read_arguments(json.dumps(value))
    except ValueError:
        pass
    else:
        assert isinstance(arguments.get("d", 0.0), float)
        assert math.isfinite(arguments.get("d", 0.0))  # type: ignore[arg-type]  # it is a float


def test_a_tool_with_a_schema_from_elsewhere_takes_what_it_is_given() -> None:
    made = Tool("fly", "Fly.", {"type": "object"}, lambda **where: where)
    assert made.read_arguments('{"to": "Rome"}') == {"to": "Rome"}
    assert made.read_arguments("") == {}
