"""Every check of the project, one session each.

``python -m nox`` runs the ones that decide whether a change is good, ``nox -l`` lists them all, ``nox -s NAME -- ARGS`` runs one.
What is tested is what ships: the wheel, built once per run and installed beside a copy of the tests, away from the sources.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
OLDEST_MEETS = (PYTHONS[0], PYTHONS[-1])  # what lies between them breaks with one of them; `nox -s tests` runs it all
CELLS = [f"tests-{python}(oldest)" for python in OLDEST_MEETS]
CELLS += [f"tests-{python}(newest)" for python in PYTHONS[1:]]  # on the first, that is what `coverage` runs
nox.options.sessions = ["lint", "types", *CELLS, "docs", "plugin", "sdk", "browser", "coverage", "saboteurs"]
EXTRAS = ("files", "vad", "demo", "rest", "telnyx", "telemetry")
CODE = ("trioaudio", "tests", "docs", "noxfile.py")

STARTED = "live,_live,_live_in,_work"  # functions given to nursery.start, which flake8-async cannot tell
RELAXED = "ASYNC111,ASYNC124,ASYNC910,ASYNC911,ASYNC912"  # what the library must not do, but tests and examples may


def activate_all_pythons() -> None:
    """Let every version that pyenv has installed be found: it puts a shim of each on the PATH that runs only if activated."""
    if "PYENV_VERSION" in os.environ or shutil.which("pyenv") is None:
        return
    installed = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=True).stdout.split()
    active = subprocess.run(["pyenv", "version-name"], capture_output=True, text=True, check=True).stdout.strip().split(":")
    wanted = [version for version in installed if version.rpartition(".")[0] in PYTHONS]
    os.environ["PYENV_VERSION"] = ":".join(dict.fromkeys([*active, *wanted]))


activate_all_pythons()


def group(*names: str) -> tuple[str, ...]:
    """The requirements of dependency groups of pyproject.toml."""
    return nox.project.dependency_groups(PROJECT, *names)


def oldest() -> list[str]:
    """The lower bounds of pyproject.toml as exact versions: what it promises is what is tested."""
    extras = PROJECT["project"]["optional-dependencies"]
    promised = [*PROJECT["project"]["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]
    return [line.replace(">=", "==", 1) for line in promised if not line.startswith("trioaudio[")]


_built: list[Path] = []


def wheel(session: nox.Session, *extras: str) -> str:
    """The wheel as a requirement with extras; built by the first session that asks for it."""
    if not _built:
        folder = ROOT / ".nox" / "wheel"
        shutil.rmtree(folder, ignore_errors=True)
        session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
        _built.extend(folder.glob("trioaudio-*.whl"))
    return f"trioaudio[{','.join(extras)}] @ {_built[0].as_uri()}"


def leave_the_sources(session: nox.Session) -> None:
    """Go on in a copy of what tests need that has no package in it, so that the installed wheel is what they import."""
    folder = Path(session.create_tmp()) / "suite"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("tests", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    session.chdir(folder)


def run_suite(session: nox.Session, *options: str) -> None:
    """Run the tests on two cores, with the session's own arguments; a test that hangs for five minutes ends the run."""
    limits = ("--override-ini=faulthandler_timeout=300", "--override-ini=faulthandler_exit_on_timeout=true")
    session.run("python", "-m", "pytest", "--numprocesses=2", *limits, *options, *session.posargs)


def check_manners(session: nox.Session, *checks: tuple[str, list[str]]) -> None:
    """flake8-async, which takes a third of a second a file, on several sets of files at once: what it says of one depends on others."""
    command = [str(Path(session.bin) / "flake8-async"), "--enable=ASYNC"]
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda check: subprocess.run([*command, check[0], *check[1]], capture_output=True, text=True), checks))
    if complaints := [result.stdout + result.stderr for result in results if result.returncode]:
        session.error("\n" + "".join(complaints))


@nox.session
def lint(session: nox.Session) -> None:
    """Style and async manners."""
    session.install("--quiet", *group("lint"))
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)
    library, others = (
        [str(path) for folder in folders for path in sorted(Path(folder).rglob("*.py"))] for folders in (CODE[:1], CODE[1:3])
    )
    check_manners(session, (f"--startable-in-context-manager={STARTED}", library), (f"--disable={RELAXED}", others))


@nox.session
def types(session: nox.Session) -> None:
    """Types: strict inside, complete for users, and wrong uses that must be found."""
    session.install("--quiet", wheel(session, *EXTRAS, "test"), *group("types"))
    session.run("mypy")
    session.run("mypy", "tests/typing", "docs/examples")
    session.run("pyright", "--project", "tests/typing")
    session.chdir(session.create_tmp())
    session.run("pyright", "--verifytypes", "trioaudio", "--ignoreexternal")


@nox.session(python=PYTHONS)
@nox.parametrize("dependencies", [nox.param("oldest", id="oldest"), nox.param("newest", id="newest")])
def tests(session: nox.Session, dependencies: str) -> None:
    """The suite, from the wheel, on every installed Python with the oldest and the newest supported dependencies.

    What is slow (simulated hours, processes in real time) is left to the newest: it asks the same of the same interpreter.
    """
    pinned = oldest() if dependencies == "oldest" else ()
    session.install("--quiet", wheel(session, *EXTRAS), *pinned, *group("suite"))
    leave_the_sources(session)
    run_suite(session, "-m", "not slow and not browser" if dependencies == "oldest" else "not browser")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation; a warning, such as a reference to a name that does not exist, is an error."""
    session.install("--quiet", wheel(session, "files", "test"), *group("docs"))
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "-d", session.create_tmp(), "docs", "docs/_build")


@nox.session
def plugin(session: nox.Session) -> None:
    """Somebody else's sources, installed into a clean environment: the example, run by its name, and one begun from the template."""
    example = ROOT / "docs" / "examples" / "beeper"
    if (lines := len((example / "trioaudio_beeper.py").read_text(encoding="utf-8").splitlines())) > 60:
        session.error(f"the example of a source has {lines} lines; it is to show that 60 are enough")
    session.install("--quiet", wheel(session), str(example))
    listener = ROOT / "docs" / "examples" / "wire"
    if (lines := len((listener / "trioaudio_wire.py").read_text(encoding="utf-8").splitlines())) > 95:
        session.error(f"the example of a listener has {lines} lines; it is to show that 95 are enough")
    session.install("--quiet", str(listener))
    session.chdir(session.create_tmp())
    session.run("trioaudio", "plugins", "wire")
    session.run("trioaudio", "plugins", "beeper")
    session.run("trioaudio", "run", "--source", "beeper:880?seconds=3", "--model", "parrot", "--record", "beeps.wav", "--fast")
    session.run("python", "-c", "import wave; assert wave.open('beeps.wav').getnframes() > 3 * 8000, 'the call was not recorded'")
    session.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", "trioaudio-doorbell")  # of an earlier run
    shutil.rmtree("trioaudio-doorbell", ignore_errors=True)
    session.run("trioaudio", "new", "source", "doorbell")
    session.install("--quiet", "--editable", "./trioaudio-doorbell[test]")
    session.run("python", "-m", "pytest", "trioaudio-doorbell")


def install_node_clients(session: nox.Session) -> None:
    """The official client in JavaScript, with what it needs, in a folder that a variable names; without npm it is left out, visibly."""
    if shutil.which("npm") is None:
        session.warn("there is no npm here: the official client in JavaScript is left out")
        return
    folder = Path(session.create_tmp()).resolve() / "node_clients"
    folder.mkdir(exist_ok=True)
    for name in ("package.json", "openai_agents.mjs"):
        shutil.copy(ROOT / "tests" / "clients" / name, folder)
    quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
    session.run("npm", "install", *quiet, "--prefix", str(folder), external=True, silent=True)
    session.env["SDK_NODE_CLIENTS"] = str(folder)


@nox.session
def sdk(session: nox.Session) -> None:
    """The official SDKs of a provider as the judges of what we send it, and as clients of the server that we emulate."""
    session.install("--quiet", wheel(session), *group("suite", "sdk"))
    session.install("--quiet", "--no-deps", *group("sdk-alone"))
    install_node_clients(session)
    leave_the_sources(session)
    run_suite(session, *sorted(str(path) for path in Path("tests/wire").glob("test_*_sdk.py")))


@nox.session
def browser(session: nox.Session) -> None:
    """The shipped page in a real Chromium, on the real clock, with a server in each test; without a Chromium it is left out, visibly."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        session.warn("there is no Chromium here: the page is not tested")
    session.install("--quiet", wheel(session), *group("suite"))
    leave_the_sources(session)
    run_suite(session, "-rs", "-m", "browser", "tests/browser")


@nox.session(python=PYTHONS[0])
def coverage(session: nox.Session) -> None:
    """The suite on the oldest Python with the newest dependencies, and how many branches it takes: a floor is in pyproject.toml."""
    session.install("--quiet", wheel(session, *EXTRAS), *group("coverage"))
    leave_the_sources(session)
    run_suite(session, "--quiet", "-m", "not slow and not browser", "--cov", "--cov-report=term")


@nox.session
def saboteurs(session: nox.Session) -> None:
    """Faults planted in copies of the core, one at a time: the suite must catch each."""
    session.install("--quiet", wheel(session, *EXTRAS), *group("suite"))
    session.run("python", "tests/saboteurs.py", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Strange inputs for every function that reads what a stranger sends: -- NUMBER, 100000 by default."""
    session.install("--quiet", wheel(session, *EXTRAS), *group("suite"))
    leave_the_sources(session)
    session.run("python", "-m", "fuzz", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Many telephone calls for a long time, in processes of their own: -- --calls 200 --minutes 10; Linux."""
    session.install("--quiet", wheel(session, *EXTRAS))
    leave_the_sources(session)
    report = ("--report", str(ROOT / "soak.json"))
    session.run("python", "-m", "soak", *report, *session.posargs, env={"PYTHONPATH": os.pathsep.join(("tests", "tests/bench"))})


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """What a frame and a channel cost."""
    session.install("--quiet", wheel(session, *EXTRAS))
    session.run("python", "tests/bench/run.py", *session.posargs)


@nox.session(default=False)
def news(session: nox.Session) -> None:
    """The changelog as the next release would show it."""
    session.install("--quiet", *group("news"))
    session.run("towncrier", "build", "--draft", "--version", PROJECT["project"]["version"])
