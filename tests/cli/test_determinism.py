"""``--fast`` gives the same files, byte for byte, every time: Trio shuffles the order of tasks, and Python that of its sets.

``TRIOAUDIO_RUNS=50`` compares as many runs; the suite compares a few.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

RUNS = int(os.environ.get("TRIOAUDIO_RUNS", "6"))
AT_ONCE = 2


@pytest.mark.slow
@pytest.mark.parametrize("words", [("demo", "--fast")], ids=" ".join)
def test_every_process_leaves_the_same_bytes_and_says_the_same(
    process: Callable[..., subprocess.Popen[str]], tmp_path: Path, words: tuple[str, ...]
) -> None:
    def run(number: int) -> dict[str, str]:
        (folder := tmp_path / str(number)).mkdir()
        with process(*words, cwd=folder, env={**os.environ, "PYTHONHASHSEED": str(number)}) as started:
            out, err = started.communicate(timeout=120)
        assert (started.returncode, err) == (0, "")
        digests = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        return {"out": out, **digests}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        first, *others = pool.map(run, range(RUNS))
    assert first.keys() == {"out", "call.wav", "call.png"}
    assert all(other == first for other in others)


def test_the_files_do_not_depend_on_the_folder_they_are_in(trioaudio: Callable[..., object], folder: Path, clip: Path) -> None:
    pictures = []
    for name in ("a", "folder of another name"):
        (there := folder / name).mkdir()
        (there / "caller.wav").write_bytes(clip.read_bytes())
        trioaudio("run", "--source", f"wavfile:{there / 'caller.wav'}", "--model", "parrot", "--timeline", there / "a.png", "--fast")
        pictures.append((there / "a.png").read_bytes())
    assert pictures[0] == pictures[1]
