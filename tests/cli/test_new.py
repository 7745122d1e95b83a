"""``trioaudio new source NAME``: what it writes works at once; what it cannot do it says in one line, and writes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
NAMES = ["doorbell", "my-phone", "sip_2", "x", "none", "class", "test", "source", "line"]


def project_of(package: Path) -> dict[str, Any]:
    return tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))


def install(package: Path) -> None:
    """Install it as an editable install does: its metadata beside its sources."""
    project = project_of(package)["project"]
    info = package / "src" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    points = "".join(f"{name} = {value}\n" for name, value in project["entry-points"]["trioaudio.sources"].items())
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[trioaudio.sources]\n{points}", encoding="utf-8")


def run(*words: str, package: Path) -> str:
    path = os.pathsep.join([str(package.resolve() / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *words], cwd=package, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


# what it writes


@pytest.mark.parametrize("name", ["my-phone", "test"])
def test_its_tests_pass_as_soon_as_it_is_installed(name: str, trioaudio: Command) -> None:
    trioaudio("new", "source", name)
    package = Path(f"trioaudio-{name}")
    install(package)
    assert "3 passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", package=package)


def test_it_is_opened_by_its_name(trioaudio: Command) -> None:
    trioaudio("new", "source", "sip_2", "--to", "here")
    install(Path("here"))
    account = run("-m", "trioaudio", "run", "--source", "sip_2:880?seconds=3", "--model", "parrot", "--fast", package=Path("here"))
    assert "sip_2:880?seconds=3 calls, parrot answers" in account
    assert "0:03.00  caller  hangs up" in account


@pytest.mark.parametrize("name", NAMES)
def test_every_word_of_the_templates_is_filled_in_and_every_module_is_python(name: str, trioaudio: Command) -> None:
    assert trioaudio("new", "source", name).code == 0
    (package,) = Path().iterdir()
    files = [path for path in package.rglob("*") if path.is_file()]
    assert not [path for path in files if "$" in path.read_text(encoding="utf-8")]
    for path in files:
        if path.suffix == ".py":
            compile(path.read_text(encoding="utf-8"), path, "exec")


def test_its_metadata_name_the_plugin_and_the_trioaudio_it_was_made_with(trioaudio: Command) -> None:
    trioaudio("new", "source", "my-phone")
    project = project_of(Path("trioaudio-my-phone"))["project"]
    assert project["name"] == "trioaudio-my-phone"
    assert project["entry-points"]["trioaudio.sources"] == {"my-phone": "trioaudio_my_phone:open_my_phone"}
    assert project["optional-dependencies"] == {"test": ["trioaudio[test]"]}
    assert any(line.startswith("trioaudio>=") for line in project["dependencies"])


def test_it_says_what_it_wrote_and_what_to_do_next(trioaudio: Command) -> None:
    done = trioaudio("new", "source", "doorbell", "--to", "my bell")
    assert done.code == 0
    for words in ("src/trioaudio_doorbell/source.py", "cd 'my bell'", "python -m pip install -e '.[test]'", "python -m pytest"):
        assert words in done.out
    listed = {line.strip() for line in done.out.splitlines() if line.startswith("  ")}
    assert {str(path.relative_to("my bell")) for path in Path("my bell").rglob("*") if path.is_file()} <= listed


def test_an_empty_folder_will_do(trioaudio: Command) -> None:
    Path("deep/empty").mkdir(parents=True)
    assert trioaudio("new", "source", "doorbell", "--to", "deep/empty").code == 0
    assert Path("deep/empty/pyproject.toml").exists()


# what it refuses


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("My Phone!", "has 'M', ' ', 'P' and '!' in it; it may have a to z, 0 to 9, - and _; did you mean 'my-phone'?"),
        ("phone/2", "has '/' in it; it may have a to z, 0 to 9, - and _; did you mean 'phone-2'?"),
        ("a\nb", r"has '\n' in it; it may have a to z, 0 to 9, - and _; did you mean 'a-b'?"),
        ("ü", "has 'ü' in it; it may have a to z, 0 to 9, - and _"),
        ("2phones", "begins with '2'; it must begin with a letter; did you mean 'phones'?"),
        ("phone-", "ends with '-'; it must end with a letter or a digit; did you mean 'phone'?"),
        ("my--phone", "has two of - and _ side by side; did you mean 'my-phone'?"),
        ("trioaudio-phone", "begins with 'trioaudio-', which is put before it anyway; did you mean 'phone'?"),
        ("", "is empty"),
    ],
)
def test_a_bad_name_is_refused_saying_which_characters_are_wrong(name: str, complaint: str, trioaudio: Command) -> None:
    assert trioaudio("new", "source", name).complaint == f"the name {name!r} {complaint}"
    assert not list(Path().iterdir())


@pytest.mark.parametrize("name", ["wavfile", "parrot"])
def test_the_name_of_an_installed_plugin_is_refused(name: str, trioaudio: Command) -> None:
    kind = "model" if name == "parrot" else "source"
    assert f"taken by the {kind} '{name}' of trioaudio " in trioaudio("new", "source", name).complaint
    assert not list(Path().iterdir())


def test_names_that_differ_in_kind_of_dash_are_one_name(trioaudio: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    trioaudio("new", "source", "my-phone")
    install(Path("trioaudio-my-phone"))
    monkeypatch.syspath_prepend(Path("trioaudio-my-phone/src").resolve())
    complaint = trioaudio("new", "source", "my_phone", "--to", "other").complaint
    assert complaint.endswith("of trioaudio-my-phone 0.1.0; choose another one, or uninstall trioaudio-my-phone")
    assert not Path("other").exists()


def test_a_folder_with_something_in_it_is_refused_and_left_as_it_is(trioaudio: Command) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("dear diary", encoding="utf-8")
    assert "'mine' is not empty; nothing was written" in trioaudio("new", "source", "doorbell", "--to", "mine").complaint
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(trioaudio: Command) -> None:
    Path("mine").write_text("dear diary", encoding="utf-8")
    assert "'mine' is a file" in trioaudio("new", "source", "doorbell", "--to", "mine").complaint
    assert "cannot write" in trioaudio("new", "source", "doorbell", "--to", "mine/bell").complaint
    assert Path("mine").read_text(encoding="utf-8") == "dear diary"


@pytest.mark.parametrize("words", [("new",), ("new", "source"), ("new", "planet", "mars"), ("new", "source", "a", "b")])
def test_a_command_line_that_asks_for_nothing_it_can_do_is_one_line(words: tuple[str, ...], trioaudio: Command) -> None:
    assert trioaudio(*words).complaint
