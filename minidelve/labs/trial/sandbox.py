"""A process that can harm nothing but itself: bounded in time, memory, files and processes, and confined where we can.

    process = start(command, folder, readable=[...], limits, confined=True)
    stop(process)

The bounds are set by the process itself (child.py), before it runs anything of a student's. Confined, by bubblewrap
(Linux), it also sees no network, no other process and no file but Python's, NumPy's and those that are named; it can
write nowhere but in its memory. `how()` says whether that works here: without it the bounds alone hold, and a student's
code can read what its user can.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

# What the product and its labs import beside the standard library.
PACKAGES = "numpy", "PIL", "threadpoolctl", "tqdm"
LIBRARIES_OF_PACKAGES = "numpy.libs", "pillow.libs"
LIBRARIES = "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"
BLAS = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"
ONE_THREAD = dict.fromkeys(BLAS, "1")
KEPT = "SYSTEMROOT", "WINDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"  # of the environment: without them none starts
SPACE = 2**24  # bytes of /tmp
WAY = tuple[str, ...]
AS_USER = ("--unshare-all",)
# As root, bubblewrap needs no namespace of users, and the process can become nobody, whose processes are counted.
AS_ROOT = (
    *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
    *("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"),
)


@dataclass(frozen=True)
class Limits:
    """What a process may use.

    seconds     for each task, until the process is ended
    loading     seconds until the student's files are loaded
    cpu         seconds of the processor, for each task
    memory      bytes of address space
    file        bytes of a file: none can be filled
    processes   beside itself
    output      bytes that come back
    printed     letters of what it prints that are kept
    """

    seconds: float = 12
    loading: float = 20
    cpu: int = 6
    memory: int = 2**31
    file: int = 0
    processes: int = 0
    output: int = 2**27
    printed: int = 4000

    def asked(self) -> dict[str, float]:
        """As a job has them."""
        return asdict(self)


def start(
    arguments: Sequence[str | os.PathLike[str]],
    folder: Path,
    paths: Iterable[Path],
    readable: Iterable[Path] = (),
    confined: bool = False,
    environment: Mapping[str, str] | None = None,
    space: int = 0,
) -> subprocess.Popen[bytes]:
    """Start Python with these arguments in a folder; its output comes through pipes.

    paths      the folders of its PYTHONPATH
    readable   files and folders that a confined process sees, beside Python, the packages and these paths
    confined   in bubblewrap; RuntimeError where that does not work
    space      bytes of files that a confined process may write, all in /tmp
    """
    paths = [path.resolve() for path in paths]
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    own = {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",  # what was printed before a crash is seen
        "HOME": str(folder),
        "LANG": "C.UTF-8",
    }
    command = [sys.executable, "-P", *map(str, arguments)]
    if confined:
        if (way := how()) is None:
            raise RuntimeError("bubblewrap does not work here")
        own["PYTHONPATH"] += os.pathsep + str(packages_folder())
        seen = [*paths, *(path.resolve() for path in readable), folder.resolve()]
        inside = [*box(way, seen, space), "--chdir", str(folder), "--"]
        command = [*inside, base_python(), "-S", "-P", *map(str, arguments)]
    with interrupts_wait() as started:
        process = subprocess.Popen(
            command, cwd=folder, env=kept | ONE_THREAD | own | dict(environment or {}), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        started.append(process)
    return process


@contextmanager
def interrupts_wait() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Ctrl-C inside this block comes at its end, and ends the processes that were started: none is left behind."""
    started: list[subprocess.Popen[bytes]] = []
    held: set[signal.Signals] | None = None
    if hasattr(signal, "pthread_sigmask"):
        held = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])  # type: ignore[assignment]
    try:
        yield started
    finally:
        try:
            if held is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, held)
        except BaseException:
            for process in started:
                stop(process)
            raise


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started, as far as the system lets us."""
    if process.returncode is None:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        elif os.name == "nt" and (taskkill := shutil.which("taskkill")):
            subprocess.run([taskkill, "/F", "/T", "/PID", str(process.pid)], capture_output=True)
        process.kill()
        process.wait()


def ending(code: int) -> str:
    """How a process ended, in a word or two; "" for a good end.

    >>> ending(0), ending(3), ending(-11), ending(128 + 24)
    ('', 'exit 3', 'SIGSEGV', 'time')
    """
    number = -code if code < 0 else code - 128  # bubblewrap gives a signal as a shell does
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"exit {code}" if code else ""
    return "time" if name == "SIGXCPU" else name


@cache
def how() -> WAY | None:
    """With which options bubblewrap works here; None if it does not."""
    bwrap = shutil.which("bwrap")
    if bwrap is None or not sys.platform.startswith("linux"):
        return None
    for way in ([AS_ROOT] if os.geteuid() == 0 else []) + [AS_USER]:
        try:
            tried = [*box((bwrap, *way), []), "--", base_python(), "-S", "-P", "-c", "import numpy"]
            environment = {"PYTHONPATH": str(packages_folder()), **ONE_THREAD}
            if subprocess.run(tried, env=environment, capture_output=True, timeout=60).returncode == 0:
                return bwrap, *way
        except (OSError, subprocess.SubprocessError):
            continue
    return None


def becomes_nobody(confined: bool, paths: Iterable[Path]) -> bool:
    """Whether the process, started by root, is to give that up: confined, or where all it reads is open to everyone."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    if confined:
        way = how()
        return way is not None and "CAP_SETUID" in way
    needed = [Path(base_python()), Path(sysconfig.get_path("stdlib")), packages_folder(), *paths]
    return all(is_open(part) for path in needed for part in (path.resolve(), *path.resolve().parents))


def is_open(path: Path) -> bool:
    """Whether everyone may read a file, or go through a folder."""
    return bool(path.stat().st_mode & (0o001 if path.is_dir() else 0o004))


def base_python() -> str:
    """Python itself, not a virtual environment's link to it."""
    return os.path.realpath(sys.executable)


def packages_folder() -> Path:
    """The folder in which NumPy, and the other packages beside it, are installed."""
    spec = find_spec("numpy")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parents[1]


def box(way: WAY, seen: Iterable[Path], space: int = 0) -> list[str]:
    """The beginning of a command that runs the rest of it confined."""
    home, packages = Path(sys.base_prefix).resolve(), packages_folder()
    python = [Path(base_python()), home / "lib", Path(sysconfig.get_path("stdlib"))]
    bound = list(dict.fromkeys([*(path for path in map(Path, LIBRARIES) if path.exists()), *python]))
    installed = [packages / name for name in [*PACKAGES, *(f"{name}.py" for name in PACKAGES), *LIBRARIES_OF_PACKAGES]]
    inside = [*(path for path in installed if path.exists()), *seen]
    words = [*way, "--die-with-parent", "--new-session", "--dev", "/dev"]
    words += [*(("--perms", "1777") if space else ()), "--size", str(space or SPACE), "--tmpfs", "/tmp"]
    for folder in parents([*bound, *inside], bound):
        words += ["--perms", "0755", "--dir", str(folder)]  # else only root could go through it
    for path in bound:
        words += ["--ro-bind", str(path), str(path)]
    for path in other_packages(bound):
        words += ["--tmpfs", str(path)]
    for path in inside:
        words += ["--ro-bind", str(path), str(path)]
    return [*words, "--remount-ro", "/"]


def parents(paths: Iterable[Path], bound: Iterable[Path]) -> list[Path]:
    """The folders above these paths, outermost first, that are in none of the bound ones."""
    above = {folder for path in paths for folder in path.parents}
    return sorted(folder for folder in above if not any(folder.is_relative_to(path) for path in bound))


def other_packages(bound: Iterable[Path]) -> list[Path]:
    """The folders with installed packages in what is bound: the product may be among them."""
    resolved = {path.resolve() for path in bound}
    names = "site-packages", "dist-packages"
    places = {Path(sysconfig.get_path("stdlib")), *(path / "python3" for path in resolved)}
    places |= {found for path in resolved for found in path.glob("python3*") if found.is_dir()}
    found = {place / name for place in places for name in names if (place / name).is_dir()}
    return sorted({path for path in found if any(path.resolve().is_relative_to(inside) for inside in resolved)})
