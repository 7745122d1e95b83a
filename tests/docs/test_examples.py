"""What the documentation shows is what runs: its code is cut from the files in ``docs/examples``, and those are executed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md", *sorted((ROOT / "docs" / "howto").glob("*.md"))]
FENCED = re.compile(r"^(?P<margin> *)```python\n(?P<code>.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINKED = re.compile(r"\]\((?!https?:)([^)#]+)")
SECONDS = 120

scripts = sorted(path for path in EXAMPLES.glob("*.py") if not path.name.startswith("test_"))
suites = sorted(EXAMPLES.glob("test_*.py"))


def is_cut_from(code: str, text: str) -> bool:
    """Whether the code stands in the text, line by line and in one piece, indented as a whole or not."""
    margins = {line[: len(line) - len(line.lstrip())] for line in text.splitlines()}
    lines = f"\n{text.strip()}\n"
    return any(f"\n{indent(code, margin).strip(chr(10))}\n" in lines for margin in margins)


def run(*command: str, cwd: Path) -> None:
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_there_are_examples_of_both_kinds() -> None:
    assert scripts
    assert suites


@pytest.mark.parametrize("script", scripts, ids=lambda path: path.name)
def test_the_script_runs(script: Path, tmp_path: Path) -> None:
    run("-W", "error", str(script), cwd=tmp_path)


@pytest.mark.parametrize("suite", suites, ids=lambda path: path.name)
def test_the_suite_passes(suite: Path, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["trioaudio.testing.fixtures"]\n', encoding="utf-8")
    (tmp_path / suite.name).write_text(suite.read_text(encoding="utf-8"), encoding="utf-8")
    run("-m", "pytest", "-q", "-o", "trio_mode=true", "-p", "no:anyio", "-p", "no:cacheprovider", suite.name, cwd=tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_code_on_a_page_is_cut_from_an_example(page: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in EXAMPLES.rglob("*.py")]
    blocks = [dedent(found["code"]) for found in FENCED.finditer(page.read_text(encoding="utf-8"))]
    assert not [block for block in blocks if not any(is_cut_from(block, text) for text in texts)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    targets = LINKED.findall(page.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_what_a_page_invents_is_noticed() -> None:
    example = "import trio\n\n\nasync def main():\n    with scope:\n        await act()\n    rest()\n"
    assert is_cut_from("with scope:\n    await act()\n", example)
    assert not is_cut_from("with scope:\n    act()\n", example)
    assert not is_cut_from("await act()\nmain()\n", example)
