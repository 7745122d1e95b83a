"""What a program may leave behind: tasks that still run, files that are still open."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import trio


def living_tasks() -> Iterator[trio.lowlevel.Task]:
    """All tasks of this Trio run, system tasks too."""
    waiting = [trio.lowlevel.current_root_task()]
    while waiting:
        task = waiting.pop()
        if task is not None:
            yield task
            waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]


@contextmanager
def only_new_garbage() -> Generator[None, None, None]:
    """Within the block a collection looks at new objects only: a run leaves little, a test suite has much."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def watch_leftovers() -> Generator[list[str], None, None]:
    """What the block leaves behind in this Trio run: tasks, open files, ResourceWarnings; the list is filled when it ends."""
    left: list[str] = []
    tasks, files = set(living_tasks()), open_files()
    with only_new_garbage(), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        yield left
        gc.collect()
    left += [f"left the task {task.name!r} running" for task in living_tasks() if task not in tasks]
    left += [f"left something to warn about: {warning.message}" for warning in warned]
    left += [f"left the file descriptor {file} open" for file in open_files(besides=files)]


def tear_down_shields() -> None:
    """Let a cancellation reach every task of this run, whatever shields it: the last resort against one that hangs.

    Trio has no public way to another task's scopes; should a later one have no private way either, nothing happens.
    """
    for task in living_tasks():
        status: Any = getattr(task, "_cancel_status", None)
        while status is not None:
            status._scope.shield = False
            status = getattr(status, "_parent", None)


def open_files(besides: Collection[str] = ()) -> list[str]:
    """The file descriptors of this process, as ``number -> what``; nothing where the system does not tell."""
    folder = next((folder for folder in ("/proc/self/fd", "/dev/fd") if os.path.isdir(folder)), None)
    descriptors = os.listdir(folder) if folder is not None else []
    return [each for each in map(_described, sorted(map(int, descriptors))) if each is not None and each not in besides]


def _described(descriptor: int) -> str | None:
    """None for one that is closed again: the one that listed them."""
    try:
        os.fstat(descriptor)
    except OSError:
        return None
    try:
        return f"{descriptor} -> {os.readlink(f'/proc/self/fd/{descriptor}')}"
    except OSError:
        return str(descriptor)
