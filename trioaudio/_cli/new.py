"""``trioaudio new source NAME``: writes a package with a source plugin that works, and whose tests pass, to start one's own from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from shlex import quote
from string import Template

from .._errors import OptionError
from .._plugins import list_plugins
from ..abc import CONTRACT_VERSION

GOOD_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
BAD_LETTER = re.compile(r"[^a-z0-9_-]")
PREFIX = "trioaudio-"
"""What the name of a plugin's package begins with."""
FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    "src/{module}/__init__.py": "init.py",
    "src/{module}/source.py": "source.py",
    "src/{module}/line.py": "line.py",
    "src/{module}/py.typed": None,
    "tests/conftest.py": "conftest.py",
    "tests/test_source.py": "test_source.py",
}
"""Each file of the package, and the template it is made from."""


@dataclass(frozen=True, slots=True)
class NewSource:
    """A package to be made, and where."""

    name: str
    """Of the source, as specs spell it."""
    folder: Path

    @property
    def package(self) -> str:
        """What pip calls it."""
        return _package(self.name)

    @property
    def module(self) -> str:
        """What Python imports."""
        return self.package.replace("-", "_")

    @property
    def words(self) -> dict[str, str]:
        """What stands in the templates for the words after a dollar sign."""
        return {
            "name": self.name,
            "package": self.package,
            "module": self.module,
            "identifier": self.name.replace("-", "_"),
            "class_name": "".join(word.capitalize() for word in re.split("[-_]", self.name)) + "Source",
            "contract": str(CONTRACT_VERSION),
            "trioaudio_version": version("trioaudio").partition("+")[0],
        }


def _package(name: str) -> str:
    return PREFIX + name.replace("_", "-")


def make_source(name: str, folder: Path | None, write: Callable[[str], None]) -> int:
    """Write the package of a new source and say what to do next; returns the exit code, 0.

    Args:
        name: of the source.
        folder: where the package goes; the package's name in the current folder for None.
        write: called with each line, without a line end: ``print`` fits.

    Raises:
        OptionError: the name cannot be one, or is taken; the folder is not empty, or cannot be written.
    """
    _check_name(name)
    _check_free(name)
    new = NewSource(name, folder or Path(_package(name)))
    _check_folder(new.folder)
    written = _write_files(new)
    for line in _account(new, written):
        write(line)
    return 0


def _check_name(name: str) -> None:
    if complaint := _whats_wrong(name):
        raise OptionError(f"the name {name!r} {complaint}{_near(name)}")


def _whats_wrong(name: str) -> str:
    """Nothing, if it is a good name."""
    if bad := [repr(letter) for letter in dict.fromkeys(BAD_LETTER.findall(name))]:
        return f"has {', '.join(bad[:-1])}{' and ' if bad[1:] else ''}{bad[-1]} in it; it may have a to z, 0 to 9, - and _"
    if name.startswith(PREFIX):
        return f"begins with {PREFIX!r}, which is put before it anyway"
    if GOOD_NAME.fullmatch(name):
        return ""
    if not name[:1].isalpha():
        return f"begins with {name[0]!r}; it must begin with a letter" if name else "is empty"
    return f"ends with {name[-1]!r}; it must end with a letter or a digit" if name[-1] in "-_" else "has two of - and _ side by side"


def _near(name: str) -> str:
    """A good name that looks like it."""
    near = re.sub("[^a-z0-9]+", "-", name.lower().removeprefix(PREFIX)).strip("-").lstrip("-0123456789")
    return f"; did you mean {near!r}?" if GOOD_NAME.fullmatch(near) else ""


def _check_free(name: str) -> None:
    """Dashes count for nothing, as in the names of packages."""
    for info in list_plugins():
        if info.name.replace("_", "-") == name.replace("_", "-"):
            owner = f"the {info.kind} {info.name!r} of {info.package} {info.version}"
            remedy = "" if info.package == "trioaudio" else f", or uninstall {info.package}"
            raise OptionError(f"the name {name!r} is taken by {owner}; choose another one{remedy}")


def _check_folder(folder: Path) -> None:
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise OptionError(f"the folder {str(folder)!r} is not empty; nothing was written: name another one with --to FOLDER")
        if folder.exists() and not folder.is_dir():
            raise OptionError(f"{str(folder)!r} is a file, not a folder; nothing was written: name another one with --to FOLDER")
    except OSError as exc:
        raise _refused(folder, exc) from exc


def _write_files(new: NewSource) -> list[Path]:
    """Every path that was written, relative to the folder."""
    texts = {Path(path.format(module=new.module)): _text(template, new.words) for path, template in FILES.items()}
    for path, text in texts.items():
        try:
            (new.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (new.folder / path).write_text(text, encoding="utf-8")
        except OSError as exc:
            raise _refused(new.folder / path, exc) from exc
    return list(texts)


def _text(template: str | None, words: dict[str, str]) -> str:
    if template is None:
        return ""
    source = files("trioaudio") / "templates" / "source" / f"{template}.template"
    return Template(source.read_text(encoding="utf-8")).substitute(words)


def _refused(path: Path, exc: OSError) -> OptionError:
    return OptionError(f"cannot write {str(path)!r}: {exc.strerror or exc}; name another folder with --to FOLDER")


def _account(new: NewSource, written: list[Path]) -> list[str]:
    return [
        f"{new.package}, a package with the source {new.name!r}, is in {new.folder}",
        "",
        *(f"  {path}" for path in written),
        "",
        "It works as it is. To see that:",
        "",
        f"  cd {quote(str(new.folder))}",
        "  python -m pip install -e '.[test]'",
        "  python -m pytest",
        f"  trioaudio run --source '{new.name}:880?seconds=3' --model parrot --fast",
        "",
        f"Then put your own connection in place of src/{new.module}/line.py; README.md says how.",
    ]
