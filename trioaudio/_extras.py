"""Whether an extra of an installed package is installed, read from the package's own metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec

from ._errors import MissingExtraError

_REQUIREMENT = re.compile(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?[^;]*(?:;(.*))?", re.DOTALL)
_ONLY_EXTRA = re.compile(r"""[\s(]*extra\s*==\s*["']([^"']+)["'][\s)]*""")


def extra_installed(package: str, extra: str) -> bool:
    """Whether everything the extra asks for is installed; False if the package is not, or has no such extra.

    Extras of what it asks for are followed (``demo = ["acme[files]"]``). Versions are not compared, and a requirement with
    a condition beside the extra (``python_version < "3.12"``) is passed over: both are the installer's business, and
    telling would need a dependency of our own.
    """
    try:
        offered = distribution(package).metadata.get_all("Provides-Extra") or []
    except PackageNotFoundError:
        return False
    return _canonical(extra) in map(_canonical, offered) and _complete(package, extra, set())


def _complete(package: str, extra: str, seen: set[tuple[str, str]]) -> bool:
    """Whether the package and its extra are installed; what has been seen is not asked again, since extras may form a ring."""
    if (key := (_canonical(package), _canonical(extra))) in seen:
        return True
    seen.add(key)
    try:
        needed = list(_required(distribution(package), extra))
    except PackageNotFoundError:
        return False
    return all(_complete(name, inner, seen) for name, extras in needed for inner in extras)


def _required(dist: Distribution, extra: str) -> Iterator[tuple[str, list[str]]]:
    """Name and extras of each package the extra brings; the empty extra stands for the package alone."""
    for text in dist.requires or ():
        name, extras, marker = _REQUIREMENT.match(text).groups()  # type: ignore[union-attr]  # metadata always begin with a name
        only = _ONLY_EXTRA.fullmatch(marker or "")
        if only and extra and _canonical(only[1]) == _canonical(extra):
            yield name, ["", *filter(None, (each.strip() for each in (extras or "").split(",")))]


def _canonical(name: str) -> str:
    """Names of packages and extras are compared without regard to case and kind of dash (PEP 503, PEP 685)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def require(module: str, what: str, extra: str) -> None:
    """See to it that an optional module is there, without importing it.

    Raises:
        MissingExtraError: it is not; names the extra that brings it.
    """
    try:
        found = find_spec(module)
    except ImportError:  # somebody on the import path knows that it is not there
        found = None
    if found is None:
        raise MissingExtraError(what, extra)
