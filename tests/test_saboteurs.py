"""The saboteurs can do their work: a fault that has lost its place would be found only at the end of a long run."""

from __future__ import annotations

from pathlib import Path

import pytest
import saboteurs

import trioaudio

PACKAGE = Path(trioaudio.__file__).parent


@pytest.mark.parametrize("module", sorted({fault.module for fault in saboteurs.FAULTS}))
def test_each_fault_of_a_module_has_its_place_once(module: str) -> None:
    text = (PACKAGE / module).read_text(encoding="utf-8")
    lost = [fault.name for fault in saboteurs.FAULTS if fault.module == module and text.count(fault.before) != 1]
    assert not lost, f"these stand nowhere in {module}, or more than once"


def test_each_fault_has_a_name_of_its_own_and_tests_that_are_there() -> None:
    names = [fault.name for fault in saboteurs.FAULTS]
    assert len(set(names)) == len(names)
    named = {test.partition("::")[0] for fault in saboteurs.FAULTS for test in fault.tests}
    missing = {test for test in named if not (Path(__file__).parent / test).exists()}
    assert not missing
