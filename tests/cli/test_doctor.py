"""``trioaudio doctor``: a verdict a line, what to do about what is wrong, and an exit code that says whether anything is."""

from __future__ import annotations

import importlib
import io
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from trioaudio import Config, ServeSettings
from trioaudio.__main__ import main
from trioaudio._cli.doctor import Plan, completed, report
from trioaudio._cli.doctor_config import check_settings, read_settings
from trioaudio._cli.doctor_imports import Imported, try_import
from trioaudio._cli.doctor_install import Requirement, check_installation, judge_extra, judge_python, requirements
from trioaudio._cli.doctor_machine import check_clock, check_disk, check_port, judge_disk, judge_naps, judge_open_files
from trioaudio._cli.doctor_plugins import check_keys, check_plugins
from trioaudio._cli.doctor_tls import check_certificate, judge_certificate
from trioaudio._cli.finding import Finding, Progress

CERTIFICATES = Path(__file__).parent / "certificates"
Install = Callable[[str, str], None]
PHONE = '''
from contextlib import asynccontextmanager
from typing import Annotated
from trioaudio.abc import Option, Source, source_plugin

@source_plugin("phone", extra="loud")
@asynccontextmanager
async def open_phone(
    number: str = "",
    *,
    key: Annotated[str, Option(env="PHONE_KEY", secret=True)],
    region: Annotated[str, Option(env="PHONE_REGION")] = "eu",
):
    """Call somebody."""
    yield Source()
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install the package ``acme-NAME``, whose source has that name."""
    modules: list[str] = []

    def install(name: str, code: str) -> None:
        site, module = tmp_path / name, f"acme_{name}"
        info = site / f"{module}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: acme-{name}\nVersion: 1.2\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[trioaudio.sources]\n{name} = {module}:open_{name}\n", encoding="utf-8")
        (site / f"{module}.py").write_text(dedent(code), encoding="utf-8")
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()
        modules.append(module)

    yield install
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def port() -> Iterator[int]:
    """A port of loopback on which somebody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def the(findings: Iterable[Finding], what: str) -> Finding:
    found = [finding for finding in findings if finding.what == what]
    assert len(found) == 1, found
    return found[0]


def told(*findings: Finding) -> tuple[int, list[str]]:
    lines: list[str] = []
    return report(findings, lines.append, Progress(io.StringIO())), lines


# settings


def test_settings_that_are_understood(tmp_path: Path) -> None:
    file = tmp_path / "trioaudio.toml"
    file.write_text("[limits]\nmax_turn = 60\n[models.parrot]\nspeed = 4\n", encoding="utf-8")
    finding = the(check_settings(read_settings(file, {"TRIOAUDIO_LIMITS_INBOUND": "3"}), file), "settings")
    assert (finding.verdict, finding.seen) == ("ok", f"{file} is understood; 2 differ from the defaults ('trioaudio config')")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[limts]", "there is no section 'limts'"),
        ("[models.parrot]\nspeed = 'fast'", "parrot: option 'speed' in "),
        (None, "cannot be read: no such file or directory"),
    ],
)
def test_settings_that_are_not(tmp_path: Path, text: str | None, says: str) -> None:
    file = tmp_path / "trioaudio.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    finding = the(check_settings(read_settings(file, {}), file), "settings")
    assert finding.verdict == "problem"
    assert says in finding.seen
    assert finding.remedy


@pytest.mark.skipif(os.name != "posix", reason="only there files have such a mode")
@pytest.mark.parametrize(("mode", "verdicts"), [(0o600, ["ok"]), (0o640, ["ok", "warning"])])
def test_a_file_with_a_key_is_for_its_owner_alone(install: Install, tmp_path: Path, mode: int, verdicts: list[str]) -> None:
    install("phone", PHONE)
    file = tmp_path / "trioaudio.toml"
    file.write_text("[sources.phone]\nkey = 'open sesame'\n", encoding="utf-8")
    file.chmod(mode)
    findings = list(check_settings(read_settings(file, {}), file, {}))
    assert [finding.verdict for finding in findings] == verdicts
    assert "sesame" not in "".join(line for finding in findings for line in finding.lines())


def test_what_serve_is_set_to_do_is_looked_at_unless_something_else_is_said() -> None:
    origins = {"serve.port": "trioaudio.toml:2", "serve.tls_cert": "trioaudio.toml:3"}
    config = Config(serve=ServeSettings(port=8443, tls_cert=Path("cert.pem")), origins=origins)
    assert completed(Plan(), config) == Plan(port=8443, tls_cert=Path("cert.pem"))
    assert completed(Plan(port=1, tls_cert=Path("x")), config) == Plan(port=1, tls_cert=Path("x"))
    assert completed(Plan(), Config()) == Plan()


# the certificate


@pytest.mark.parametrize(
    ("certificate", "key", "verdict", "says"),
    [
        ("localhost.pem", "localhost.key", "ok", "localhost.pem fits its key, and is for localhost until "),
        ("localhost.pem", "other.key", "problem", "the key does not belong to the certificate"),
        ("localhost.pem", "encrypted.key", "problem", "encrypted.key is encrypted"),
        ("localhost.pem", None, "problem", "the key is missing"),
        ("localhost.key", "localhost.key", "problem", "one of them is no PEM"),
        ("nothing.pem", "localhost.key", "problem", "nothing.pem cannot be read: no such file or directory"),
        ("localhost.pem", "nothing.key", "problem", "nothing.key cannot be read: no such file or directory"),
        ("expired.pem", "localhost.key", "problem", "certificate has expired"),
        (None, "localhost.key", "problem", "localhost.key is a key without its certificate"),
    ],
)
def test_a_certificate(certificate: str | None, key: str | None, verdict: str, says: str) -> None:
    files = [None if name is None else CERTIFICATES / name for name in (certificate, key)]
    finding = the(check_certificate(*files), "certificate")
    assert finding.verdict == verdict
    assert says in finding.seen
    assert bool(finding.remedy) == (verdict != "ok")


def test_a_certificate_that_ends_soon_is_a_warning() -> None:
    shown: dict[str, object] = {"notAfter": "Jan 11 00:00:00 1970 GMT", "subjectAltName": (("DNS", "example.com"),)}
    finding = judge_certificate(Path("cert.pem"), shown, "", now=0)
    assert finding.verdict == "warning"
    assert finding.seen.endswith("for example.com until Jan 11 00:00:00 1970 GMT, which is in 10 days")


def test_without_a_certificate_nothing_is_said_of_it() -> None:
    assert not list(check_certificate(None, None))


# the report


def test_the_whole_of_it_has_a_verdict_for_everything_fails_for_a_problem_and_tells_no_key(
    install: Install, port: int, tmp_path: Path
) -> None:
    install("phone", PHONE)
    program = "import sys; sys.path[:0] = [sys.argv.pop()]; from trioaudio.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "doctor", "--port", str(port), str(tmp_path / "phone")],
        env={**os.environ, "PHONE_KEY": "sesame-4711", "PHONE_REGION": "sesame-4712"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("  ") and line[2] != " "]
    verdicts = {line[11:].partition(":")[0]: line.split()[0] for line in lines}
    installation = {"Python", "trioaudio", "dependencies", "extra files", "extra vad", "extra demo", "extra test"}
    assert installation | {"plugins", "PHONE_KEY", "settings", "open files", "disk", f"port {port}", "clock"} <= set(verdicts)
    assert set(verdicts.values()) <= {"ok", "warning", "problem"}
    assert (verdicts[f"port {port}"], verdicts["PHONE_KEY"], done.returncode) == ("problem", "ok", 1)
    assert done.stderr == ""
    assert "sesame" not in done.stdout


def test_a_remedy_stands_below_what_it_remedies() -> None:
    finding = Finding("warning", "disk", "it is full", "empty it")
    assert told(finding)[1][:2] == ["  warning  disk: it is full", "           -> empty it"]


@pytest.mark.parametrize(
    ("verdicts", "code", "sums"),
    [
        ([], 0, "no problems, no warnings"),
        (["ok", "warning"], 0, "no problems, 1 warning"),
        (["problem", "ok", "warning", "warning"], 1, "1 problem, 2 warnings"),
        (["problem", "problem"], 1, "2 problems, no warnings"),
    ],
)
def test_only_problems_make_it_fail_and_the_last_line_counts(verdicts: list[str], code: int, sums: str) -> None:
    ended, lines = told(*(Finding(verdict, "it", "is so") for verdict in verdicts))  # type: ignore[arg-type]
    assert (ended, lines[-1]) == (code, sums)


def test_text_from_elsewhere_stays_on_its_line() -> None:
    _, lines = told(Finding("problem", "source evil", "cannot be imported: \x1b[2J\nok: all is well", "a\rb"))
    assert not [line for line in lines if not line.isprintable()]
    assert len(lines) == 4


def test_progress_is_shown_to_a_terminal_and_wiped_out_again() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    progress = Progress(screen)
    progress.show("clock: 3 of 50")
    progress.clear()
    assert "clock: 3 of 50" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_help_says_what_the_verdicts_and_the_exit_code_mean(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    out = capfd.readouterr().out
    assert all(word in out for word in ("ok  ", "warning  ", "problem  ", "exit code is 1", "--port N"))


# python and this installation


@pytest.mark.parametrize(
    ("implementation", "version", "verdict"),
    [("CPython", "3.12.1", "ok"), ("CPython", "3.15.0", "warning"), ("PyPy", "3.12.1", "warning")],
)
def test_a_python_that_is_not_tested_with_is_named_with_those_that_are(implementation: str, version: str, verdict: str) -> None:
    finding = judge_python(implementation, version, ["3.11", "3.12"])
    assert finding.verdict == verdict
    assert f"{implementation} {version}" in finding.seen
    assert ("CPython 3.11 to 3.12" in finding.remedy) == (verdict == "warning")


def test_this_installation_is_whole() -> None:
    findings = list(check_installation())
    assert {finding.verdict for finding in findings} == {"ok"}
    assert "trio " in the(findings, "dependencies").seen


def test_requirements_are_those_of_this_python_and_of_the_extra_asked_for() -> None:
    needed = requirements(None)
    assert [each.package for each in needed].count("numpy") == 1
    assert {"trio", "anyio", "outcome"} <= {each.package for each in needed}
    assert {each.package for each in requirements("files")} == {"soundfile", "soxr"}
    assert not requirements("nosuch")


@pytest.mark.parametrize(("least", "too_old"), [("0.1", False), ("999", True), ("0.31.0.0", False)], ids=["later", "earlier", "with zeros"])
def test_versions_are_compared_by_their_numbers(least: str, too_old: bool) -> None:
    assert Requirement("trio", least).too_old is too_old


# extras

TRIO, LATER, MISSING = Requirement("trio", "0.31"), Requirement("trio", "999"), Requirement("acme-nowhere", "1")


@pytest.mark.parametrize(
    ("needed", "tried", "verdict", "says"),
    [
        ([TRIO], {"trio": Imported()}, "ok", "trio "),
        ([MISSING], {}, "ok", "python -m pip install 'trioaudio[files]'"),
        ([TRIO, MISSING], {"trio": Imported()}, "warning", "acme-nowhere is not installed"),
        ([LATER], {"trio": Imported()}, "warning", "is older than 999"),
        (
            [TRIO],
            {"trio": Imported("OSError: no such library")},
            "problem",
            "trio is installed and does not work: OSError: no such library",
        ),
    ],
)
def test_an_extra_is_whole_absent_partial_old_or_broken(
    needed: list[Requirement], tried: dict[str, Imported], verdict: str, says: str
) -> None:
    finding = the(judge_extra("files", needed, tried), "extra files")
    assert finding.verdict == verdict
    assert says in finding.seen
    assert "pip install" in finding.seen + finding.remedy or verdict == "ok"


def test_a_library_of_the_system_that_is_missing_is_named_with_how_to_get_it() -> None:
    broken = {"soundfile": Imported("OSError: sndfile library not found")}
    remedy = the(judge_extra("files", [TRIO], broken), "extra files").remedy
    assert "apt install libsndfile1" in remedy
    assert "brew install libsndfile" in remedy


@pytest.mark.parametrize(("answer", "verdict"), [("1.2.2 with MP3", "ok"), ("1.0.31 without MP3", "warning")])
def test_a_library_that_reads_no_mp3_is_a_warning(answer: str, verdict: str) -> None:
    finding = the(judge_extra("files", [TRIO], {"soundfile": Imported(answer=answer)}), "library libsndfile")
    assert (finding.verdict, finding.seen) == (verdict, answer)


def test_an_import_is_tried_elsewhere_and_asked_a_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "acme_sound.py").write_text("print('hello')\nanswer = 42", encoding="utf-8")
    (tmp_path / "acme_broken.py").write_text("1 / 0", encoding="utf-8")
    (tmp_path / "acme_crash.py").write_text("import os\nos.abort()", encoding="utf-8")
    assert try_import("acme_sound", "module.answer") == Imported(answer="42")
    assert try_import("acme_broken") == Imported("ZeroDivisionError: division by zero")
    assert "crashed Python" in try_import("acme_crash").cause
    assert "acme_sound" not in sys.modules


# plugins and keys


def test_a_plugin_that_fails_to_load_is_a_problem_with_its_cause(install: Install) -> None:
    install("broken", "1 / 0")
    findings = list(check_plugins())
    finding = the(findings, "source broken")
    assert finding.verdict == "problem"
    assert "ZeroDivisionError: division by zero" in finding.seen
    assert "pip uninstall acme-broken" in finding.remedy
    assert "wavfile" in the(findings, "plugins").seen


def test_a_plugin_without_its_extra_is_a_warning(install: Install) -> None:
    install("phone", PHONE)
    finding = the(check_plugins(), "source phone")
    assert finding.verdict == "warning"
    assert finding.remedy == "python -m pip install 'acme-phone[loud]'"


@pytest.mark.parametrize(("whose", "package"), [("", "trioaudio"), (", 'acme-phone'", "acme-phone")])
def test_a_plugin_that_says_itself_which_extra_it_needs_is_a_warning(install: Install, whose: str, package: str) -> None:
    install("phone", f"from trioaudio import MissingExtraError\nraise MissingExtraError('phone', 'files'{whose})")
    finding = the(check_plugins(), "source phone")
    assert (finding.verdict, finding.remedy) == ("warning", f"python -m pip install '{package}[files]'")


def test_a_name_that_is_claimed_twice_is_told_once(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("phone", PHONE)
    other = tmp_path / "other" / "acme_other-3.4.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.4\nName: acme-other\nVersion: 3.4\n", encoding="utf-8")
    (other / "entry_points.txt").write_text("[trioaudio.sources]\nphone = acme_phone:open_phone\n", encoding="utf-8")
    monkeypatch.syspath_prepend(other.parent)
    assert "acme-other 3.4" in the(check_plugins(), "source phone").seen


def test_without_plugins_that_take_keys_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioaudio._cli.doctor_plugins.list_plugins", list)
    assert the(check_keys({}), "keys").verdict == "ok"


@pytest.mark.parametrize(
    ("value", "verdict", "says"),
    [
        ("open sesame", "ok", "is set, for the source phone (key)"),
        ("", "warning", "is not set, and needed by the source phone (key)"),
        ("open sesame\n", "warning", "has a space, a line end or a quote at an end"),
        ("'open sesame'", "warning", "has a space, a line end or a quote at an end"),
        ("sesame", "warning", "looks cut off or like a placeholder"),
        ("open sesa...", "warning", "looks cut off or like a placeholder"),
        ("<the sesame key>", "warning", "looks cut off or like a placeholder"),
        ("your-sesame-key", "warning", "looks cut off or like a placeholder"),
    ],
)
def test_a_key_is_told_to_be_set_or_not_and_its_value_never(install: Install, value: str, verdict: str, says: str) -> None:
    install("phone", PHONE)
    finding = the(check_keys({"PHONE_KEY": value, "PHONE_REGION": "us"}), "PHONE_KEY")
    assert finding.verdict == verdict
    assert says in finding.seen
    assert not [line for line in finding.lines() if "sesame" in line]


@pytest.mark.parametrize(
    ("content", "verdict", "says"),
    [
        (b"open sesame\n", "ok", "names a file with a key, for the source phone (key)"),
        (b"sesa", "warning", "looks cut off or like a placeholder"),
        (b"", "problem", "is empty"),
        (b"\xffsesame", "problem", "is no UTF-8 text"),
        (None, "problem", "no such file or directory"),
    ],
)
def test_a_key_in_a_file_is_looked_at_and_never_told(
    install: Install, tmp_path: Path, content: bytes | None, verdict: str, says: str
) -> None:
    install("phone", PHONE)
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    finding = the(check_keys({"PHONE_KEY_FILE": str(path), "PHONE_REGION": "us"}), "PHONE_KEY_FILE")
    assert finding.verdict == verdict
    assert says in finding.seen
    assert bool(finding.remedy) == (verdict != "ok")
    assert not [line for line in finding.lines() if "sesame" in line]


def test_an_option_that_has_a_default_need_not_be_set(install: Install) -> None:
    install("phone", PHONE)
    finding = the(check_keys({}), "PHONE_REGION")
    assert (finding.verdict, finding.seen) == ("ok", "is not set; the source phone (region) can do without")


# the machine


@pytest.mark.parametrize(
    ("soft", "hard", "verdict", "says"),
    [
        (None, None, "ok", "no limit"),
        (1024, None, "ok", "1024 at once, enough for about 240 calls"),
        (256, None, "warning", "enough for about 48 calls"),
        (10, 10, "problem", "enough for about 0 calls"),
    ],
)
def test_the_limit_of_open_files_is_told_in_calls(soft: int | None, hard: int | None, verdict: str, says: str) -> None:
    finding = judge_open_files(soft, hard)
    assert finding.verdict == verdict
    assert says in finding.seen
    assert ("ulimit -n 864" in finding.remedy) == (verdict != "ok")
    assert ("hard limit is 10" in finding.remedy) == (hard == 10)


def test_as_many_files_are_needed_as_calls_are_allowed() -> None:
    assert judge_open_files(1024, None, 200).verdict == "ok"
    assert "allows 500 calls" in judge_open_files(1024, None, 500).remedy


@pytest.mark.parametrize(
    ("free", "verdict", "says"),
    [
        (50 * 10**9, "ok", "50.0 GB free in calls, room for 145 hours"),
        (10**9, "ok", "1.0 GB free in calls, room for 2.9 hours"),
        (96_000 * 60, "warning", "6 MB free in calls, room for 1 minutes"),
    ],
)
def test_free_disk_is_told_in_hours_of_calls(free: int, verdict: str, says: str) -> None:
    finding = judge_disk(Path("calls"), free)
    assert finding.verdict == verdict
    assert says in finding.seen
    assert bool(finding.remedy) == (verdict != "ok")


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    assert the(check_disk(), "disk").verdict == "ok"
    gone.rmdir()
    finding = the(check_disk(), "disk")
    assert finding.verdict == "warning"
    assert "nothing can be written" in finding.seen


def test_a_port_in_use_is_a_problem_and_free_again_afterwards(port: int) -> None:
    finding = the(check_port(port), f"port {port}")
    assert finding.verdict == "problem"
    assert f"127.0.0.1:{port} (Address already in use)" in finding.seen
    assert "another port" in finding.remedy


def test_a_port_that_is_free_is_left_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    for _ in range(2):
        assert the(check_port(free), f"port {free}").verdict == "ok"
    assert the(check_port(None), "loopback").verdict == "ok"


def test_an_address_that_is_not_of_this_machine() -> None:
    finding = the(check_port(8080, "192.0.2.1"), "port 8080")
    assert finding.verdict == "problem"
    assert "192.0.2.1 is no address of this machine" in finding.remedy


@pytest.mark.parametrize("port", ["-1", "65536", "http", "8080.5", ""])
def test_a_port_that_is_none_is_refused(port: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["doctor", "--port", port])
    assert exit.value.code == 2
    assert f"{port!r} is not a port" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("late", "verdict", "says"),
    [
        ([0.0003] * 49 + [0.007], "ok", "0.3 ms late (median of 50), 7.0 ms at worst; resolution 1 ns"),
        ([0.0003] * 49 + [0.060], "warning", "60.0 ms at worst: a call would stutter now and then"),
        ([0.0250] * 50, "problem", "25.0 ms late (median of 50), 25.0 ms at worst: a call would stutter all the time"),
    ],
)
def test_naps_that_end_late_are_told_in_what_a_caller_hears(late: list[float], verdict: str, says: str) -> None:
    finding = judge_naps(late, 1e-9)
    assert finding.verdict == verdict
    assert says in finding.seen
    assert bool(finding.remedy) == (verdict != "ok")


def test_the_clock_is_judged_by_naps_that_are_taken() -> None:
    finding = the(check_clock(Progress(io.StringIO()), lambda progress: [0.5, 0.5]), "clock")
    assert finding.verdict == "problem"
