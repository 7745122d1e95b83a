"""What the documentation shows is what runs: its code is cut from the files in ``docs/examples``, and those are executed.

A script runs as a reader would run it, in a folder with a ``caller.wav``, but on the virtual clock: a call takes a moment, and
what it prints is the same every time. That is written down in a file beside it, ``NAME.out``, and pages show it from there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent

import pytest

from trioaudio.clips import clip_path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *(DOCS / f"{name}.md" for name in ("index", "tutorial", "security"))]
PAGES += sorted(page for folder in ("howto", "coming-from") for page in (DOCS / folder).glob("*.md"))
FENCED = r"^(?P<margin> *)```{language}\n(?P<text>.*?)^ *```$"
LINKED = re.compile(r"\]\((?!https?:)([^)#]+)")
SECONDS = 120
ON_THE_VIRTUAL_CLOCK = """
import runpy, sys, trio
from trio.testing import MockClock
run = trio.run
trio.run = lambda *args: run(*args, clock=MockClock(autojump_threshold=0))
runpy.run_path(sys.argv[1], run_name="__main__")
"""

scripts = sorted(path for path in EXAMPLES.glob("*.py") if not path.name.startswith("test_"))
suites = sorted(EXAMPLES.glob("test_*.py"))


def is_cut_from(code: str, text: str) -> bool:
    """Whether the code stands in the text, line by line and in one piece, indented as a whole or not."""
    margins = {line[: len(line) - len(line.lstrip())] for line in text.splitlines()}
    lines = f"\n{text.strip(chr(10))}\n"
    return any(f"\n{indent(code, margin).strip(chr(10))}\n" in lines for margin in margins)


def fenced(page: Path, language: str) -> list[str]:
    """The blocks of a page in one language."""
    found = re.finditer(FENCED.format(language=language), page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [dedent(block["text"]) for block in found]


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=SECONDS)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_there_are_examples_of_both_kinds() -> None:
    assert scripts
    assert suites


@pytest.mark.parametrize("script", scripts, ids=lambda path: path.name)
def test_the_script_runs_and_prints_what_pages_say(script: Path, tmp_path: Path) -> None:
    shutil.copy(clip_path("caller"), tmp_path)
    printed = run("-W", "error", "-c", ON_THE_VIRTUAL_CLOCK, str(script), cwd=tmp_path)
    out = script.with_suffix(".out")
    assert printed == (out.read_text(encoding="utf-8") if out.exists() else "")


def test_the_demo_tells_what_the_tutorial_shows(tmp_path: Path) -> None:
    told = run("-m", "trioaudio", "demo", "--fast", cwd=tmp_path)
    assert (EXAMPLES / "demo.out").read_text(encoding="utf-8") in told


def test_the_suites_pass_and_print_what_pages_say(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["trioaudio.testing.fixtures"]\n', encoding="utf-8")
    for suite in suites:
        shutil.copy(suite, tmp_path)
    printed = run("-m", "pytest", "-qs", "-o", "trio_mode=true", "-p", "no:anyio", "-p", "no:cacheprovider", "-W", "error", cwd=tmp_path)
    outs = [suite.with_suffix(".out") for suite in suites if suite.with_suffix(".out").exists()]
    assert not [out for out in outs if out.read_text(encoding="utf-8") not in printed]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_code_on_a_page_is_cut_from_an_example(page: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in EXAMPLES.rglob("*.py")]
    assert not [block for block in fenced(page, "python") if not any(is_cut_from(block, text) for text in texts)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_output_on_a_page_is_what_an_example_prints(page: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.out")]
    assert not [block for block in fenced(page, "text") if not any(is_cut_from(block, text) for text in texts)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = LINKED.findall(prose)
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_what_a_page_invents_is_noticed() -> None:
    example = "import trio\n\n\nasync def main():\n    with scope:\n        await act()\n    rest()\n"
    assert is_cut_from("with scope:\n    await act()\n", example)
    assert not is_cut_from("with scope:\n    act()\n", example)
    assert not is_cut_from("await act()\nmain()\n", example)
