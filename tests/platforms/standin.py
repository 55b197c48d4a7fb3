"""Python as on another system, as far as this one can play it: `standin.py SYSTEM COMMANDS` runs minidelve there.

SYSTEM is "windows" or "macos", COMMANDS a list of command lines as JSON. For minidelve's modules, and for whatever they
open through Python, the system then

- lacks the modules and calls that it lacks, says that it is itself (sys.platform, os.name), and counts as it does;
- has folders in which a and A are one name;

and Windows also

- shows paths with backslashes, and takes both kinds of slash;
- refuses names such as con.txt, a:b and "dot.", and to open a folder;
- neither replaces nor removes a file that is open or mapped, and renames nothing onto what is there;
- reads and writes text as cp1252 where no encoding is given, which also is that of the console.

Libraries see the real system: they have been loaded before.
"""

import builtins
import ctypes
import errno
import io
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import sys
import tempfile
import types
from contextlib import suppress
from functools import wraps

LACKING_MODULES = {"windows": ("fcntl", "resource", "pwd", "grp", "termios", "pty", "syslog", "readline"), "macos": ()}
LACKING_CALLS = {
    "windows": (
        "fork", "register_at_fork", "sched_getaffinity", "geteuid", "getuid", "getgid", "getegid", "chown",
        "fchmod", "mkfifo", "mknod", "statvfs", "fstatvfs", "uname", "setsid", "killpg", "O_DIRECTORY", "O_NOFOLLOW",
        "O_NONBLOCK", "O_CLOEXEC", "openpty", "getpgid", "wait", "WNOHANG", "posix_fallocate", "posix_fadvise",
        "sysconf",
    ),
    "macos": (
        "sched_getaffinity", "posix_fallocate", "posix_fadvise", "memfd_create", "getrandom", "copy_file_range",
        "fdatasync",
    ),
}  # fmt: skip
LACKING_SIGNALS = (
    "SIGHUP",
    "SIGKILL",
    "SIGPIPE",
    "SIGUSR1",
    "SIGUSR2",
    "SIGALRM",
    "alarm",
    "setitimer",
    "pthread_sigmask",
)
NAMES = {"windows": ("win32", "nt"), "macos": ("darwin", "posix")}
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*[<>:\"|?*\x00-\x1f].*|.*[. ]", re.IGNORECASE | re.DOTALL)
OURS = ("minidelve", "kernels")
WRITING = set("wax+")

real_import, real_open, real_listdir, real_lstat, real_stat = builtins.__import__, open, os.listdir, os.lstat, os.stat


def real_exists(path):
    try:
        return bool(real_lstat(path))
    except (OSError, ValueError):
        return False


def real_isdir(path):
    try:
        return stat.S_ISDIR(real_stat(path).st_mode)
    except (OSError, ValueError):
        return False


def become(system):
    """Let Python be as on that system from now on."""
    sys_name, os_name = NAMES[system]
    windows = system == "windows"
    if windows:
        tempfile._O_TMPFILE_WORKS = False
        sys.modules["msvcrt"] = msvcrt()
        ctypes.WinDLL = lambda name: types.SimpleNamespace(
            GetCurrentProcess=lambda: -1, K32GetProcessMemoryInfo=process_memory
        )
        for name in LACKING_SIGNALS:
            delattr(signal, name)
    else:
        import resource

        kilobytes = resource.getrusage

        def getrusage(who):
            return types.SimpleNamespace(ru_maxrss=kilobytes(who).ru_maxrss * 1024)

        resource.getrusage = getrusage
    for name in LACKING_MODULES[system]:
        sys.modules[name] = None
    real_cdll = ctypes.CDLL

    class NoGlibc(real_cdll):
        def __init__(self, name=None, *rest, **options):
            if windows and name is None:
                raise TypeError("bad argument type for built-in operation")
            super().__init__(name, *rest, **options)

        def __getattr__(self, name):
            if name == "mallopt":
                raise AttributeError(name)
            return super().__getattr__(name)

    ctypes.CDLL = NoGlibc
    change_files(windows)
    statvfs = os.statvfs

    def disk_usage(path):
        found = statvfs(path)
        return shutil._ntuple_diskusage(*(n * found.f_frsize for n in (found.f_blocks, 0, found.f_bavail)))

    shutil.disk_usage = disk_usage
    lacking = {name for name in LACKING_CALLS[system] if hasattr(os, name)}
    for name in lacking:
        delattr(os, name)
    views = {"sys": View(sys, platform=sys_name), "os": View(os, name=os_name)}
    if windows:
        views["os"].sep, views["os"].altsep = "\\", "/"

    @wraps(real_import)
    def import_(name, globals=None, locals=None, fromlist=(), level=0):
        module = real_import(name, globals, locals, fromlist, level)
        importer = (globals or {}).get("__name__", "")
        return views.get(name, module) if importer.split(".")[0] in OURS and not fromlist else module

    builtins.__import__ = import_


class View(types.ModuleType):
    """A module as minidelve sees it: with some values of its own."""

    def __init__(self, module, **values):
        super().__init__(module.__name__)
        vars(self).update(_module=module, **values)

    def __getattr__(self, name):
        return getattr(self._module, name)


def msvcrt():
    """Windows' locks, on those of this system."""
    import fcntl

    def locking(descriptor, mode, count):
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, count, os.lseek(descriptor, 0, os.SEEK_CUR))
        except BlockingIOError as error:
            raise OSError(errno.EACCES, "Permission denied") from error

    module = types.ModuleType("msvcrt")
    module.LK_NBLCK, module.locking = 2, locking
    return module


def process_memory(process, counters, size):
    counters._obj.PeakWorkingSetSize = 123 << 20
    return 1


# -- files -----------------------------------------------------------------------------------------


def change_files(windows):
    """Let files and their names behave: every call that takes a path goes through `place` first."""

    def place(path, new=False):
        """The real path for one as minidelve writes it."""
        if isinstance(path, int):
            return path
        text = os.fspath(path)
        if not isinstance(text, str):
            return text
        if windows:
            text = text.replace("\\", "/")
            if new and RESERVED.fullmatch(text.rstrip("/").rpartition("/")[2]):
                raise OSError(errno.EINVAL, "The filename, directory name, or volume label syntax is incorrect", text)
        if real_exists(text):
            return text
        found = "/" if text.startswith("/") else ""
        for part in filter(None, text.split("/")):
            there = found + part
            if not real_exists(there) and real_isdir(found or "."):
                there = next((found + n for n in real_listdir(found or ".") if n.lower() == part.lower()), there)
            found = there + "/"
        return found.removesuffix("/") or text

    def in_use(path, what):
        if windows and sys._getframe(2).f_globals["__name__"] != "tempfile" and is_open(path):
            raise PermissionError(errno.EACCES, f"The process cannot {what} the file: it is in use", path)

    def one_path(name, new=False, frees=False):
        call = getattr(os, name)

        @wraps(call)
        def changed(path=".", *rest, **options):
            path = place(path, new)
            if frees:
                in_use(path, name)
            return call(path, *rest, **options)

        setattr(os, name, changed)

    for name in ("stat", "lstat", "listdir", "scandir", "access", "chmod", "utime", "readlink", "truncate", "chdir"):
        one_path(name)
    for name in ("mkdir",):
        one_path(name, new=True)
    for name in ("unlink", "remove", "rmdir"):
        one_path(name, frees=True)
    os_rename, os_replace, os_open = os.rename, os.replace, os.open

    def rename(source, target, **options):
        source, target = place(source), place(target, new=True)
        if windows and real_exists(target):
            raise FileExistsError(errno.EEXIST, "Cannot create a file when that file already exists", target)
        in_use(source, "move")
        return os_rename(source, target, **options)

    def replace(source, target, **options):
        source, target = place(source), place(target, new=True)
        in_use(source, "move")
        in_use(target, "replace")
        if windows and real_isdir(target):
            raise PermissionError(errno.EACCES, "Access is denied", target)
        return os_replace(source, target, **options)

    def open_descriptor(path, flags, mode=0o777, **options):
        path = place(path, bool(flags & os.O_CREAT))
        if windows and real_isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return os_open(path, flags, mode, **options)

    def open_file(file, mode="r", buffering=-1, encoding=None, *rest, **options):
        if not isinstance(file, int):
            file = place(file, bool(WRITING & set(mode)))
            if windows and real_isdir(file) and "opener" not in options:  # tempfile opens folders with one
                raise PermissionError(errno.EACCES, "Permission denied", file)
        if windows and "b" not in mode and encoding in (None, "locale"):
            encoding = "cp1252"
        return real_open(file, mode, buffering, encoding, *rest, **options)

    os.rename, os.replace, os.open = rename, replace, open_descriptor
    builtins.open = io.open = open_file
    for name in ("exists", "lexists", "isfile", "isdir", "getsize", "realpath", "samefile"):
        call = getattr(os.path, name)
        setattr(os.path, name, lambda path, *rest, call=call, **o: call(place(path), *map(as_place(place), rest), **o))
    if windows:
        real_str = pathlib.PurePath.__str__
        pathlib.PurePath.__fspath__ = real_str
        pathlib.PurePath.__str__ = lambda path: real_str(path).replace("/", "\\")
        take_backslashes()


def take_backslashes():
    """Paths are taken apart at both slashes."""

    def forward(parts):
        return [part.replace("\\", "/") if isinstance(part, str) else part for part in parts]

    if hasattr(pathlib.PurePath, "_parse_args"):  # Python 3.11
        parse = pathlib.PurePath._parse_args.__func__
        pathlib.PurePath._parse_args = classmethod(lambda cls, parts: parse(cls, forward(parts)))
    else:
        start = pathlib.PurePath.__init__
        pathlib.PurePath.__init__ = lambda path, *parts: start(path, *forward(parts))


def as_place(place):
    return lambda value: place(value) if isinstance(value, (str, os.PathLike)) else value


def is_open(path):
    """Whether this process has the file open or mapped."""
    real = os.path.realpath(path)
    with real_open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        if any(line.rstrip("\n").endswith(" " + real) for line in maps):
            return True
    links = []
    for number in real_listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue  # that of the listing itself
    return real in links


def main(system, commands):
    import PIL.Image
    import threadpoolctl
    from PIL import ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

    threadpoolctl.threadpool_info()
    PIL.Image.init()
    for name in ("numba", "matplotlib.pyplot", "matplotlib.backends.backend_agg", "tqdm", "pooch"):
        with suppress(ImportError):
            __import__(name)
    console = "cp1252" if system == "windows" else "utf-8"
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=console)
    become(system)
    import minidelve.cli

    for command in commands:
        print("$", *map(ascii, command), flush=True)
        code = minidelve.cli.main(command)
        print("exit code", code, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
