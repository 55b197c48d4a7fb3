"""Compiled kernels on disk. It is only a cache: whatever happens to it, a kernel is compiled and runs.

Numba keeps an index (.nbi) for each kernel and a file of machine code (.nbc) for each of its signatures. It trusts
both, and it numbers the files, so that two processes that compile at once may each write a file 1. Here

- a file begins with a digest of the rest, and is run only if they agree and it says that it is what was asked for;
- it is named after its signature and processor, so that two processes write the same code under the same name;
- what cannot be read counts as not there, and what cannot be written is not kept.

A file in question is announced by an event of Numba's event system, kind TROUBLE: kernels print nothing.
"""

import hashlib
import os
import pickle
import re
from pathlib import Path

import numba
from numba.core import event
from numba.core.caching import FunctionCache, IndexDataCacheFile

TROUBLE = "kernels:cache"  # its data: path, a file or folder; error, what was raised; and whether while writing
DIGEST = hashlib.sha256().digest_size


class KernelCache(FunctionCache):
    """Numba's cache of one function, with the checks above. Raises RuntimeError where no folder can be written."""

    def __init__(self, function):
        super().__init__(function)
        self._cache_file = _Files(self.cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())

    def load_overload(self, signature, context):
        try:
            return super().load_overload(signature, context)
        except Exception as error:  # unpickling and LLVM may raise anything
            announce(self.cache_path, error, writing=False)
            return None

    def save_overload(self, signature, compiled):
        try:
            super().save_overload(signature, compiled)
        except Exception as error:  # a full or a protected disk
            announce(self.cache_path, error, writing=True)


class _Files(IndexDataCacheFile):
    """The index and the files of one function."""

    def __init__(self, *where):
        super().__init__(*where)
        self._version = f"{numba.__version__} with digests"  # another's index counts as none

    def save(self, key, data):
        # Under Numba's names an entry of another process could be lost from the index, or one file stand for two.
        self._save_index(self._load_index() | {key: self._name(key)})
        self._save_data(self._name(key), (key, data))

    def load(self, key):
        name = self._load_index().get(key)
        found = self._load_data(name) if name and os.path.exists(self._data_path(name)) else None
        return found[1] if found and found[0] == key else None

    def _name(self, key):
        signature, processor, (_, constants) = key  # not the code: a kernel that was edited takes the old one's place
        text = repr((signature, processor, constants))
        return self._index_name.removesuffix("nbi") + hashlib.sha256(text.encode()).hexdigest()[:12] + ".nbc"

    def _load_index(self):
        try:
            return super()._load_index()
        except Exception as error:
            announce(self._index_path, error, writing=False)
            return {}

    def _load_data(self, name):
        content = Path(self._data_path(name)).read_bytes()
        if not is_whole(content):
            announce(self._data_path(name), ValueError("its digest does not fit"), writing=False)
            return None
        return pickle.loads(content[DIGEST:])

    def _save_data(self, name, data):
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(content).digest() + content)


def files_of(folder):
    """The files of compiled kernels there, and the indexes."""
    code = [path for path in Path(folder).glob("*.nbc") if re.fullmatch(r".+\.[0-9a-f]{12}\.nbc", path.name)]
    return code, list(Path(folder).glob("*.nbi"))


def can_be_read(path):
    """Whether a file of the cache is what was written: an index that can be read, or code that its digest fits."""
    try:
        if path.suffix == ".nbc":
            return is_whole(path.read_bytes())
        with open(path, "rb") as file:
            pickle.load(file), pickle.load(file)  # the version, and the rest
    except Exception:
        return False
    return True


def is_whole(content):
    """Whether the bytes of a .nbc file are those that were written."""
    return len(content) > DIGEST and hashlib.sha256(content[DIGEST:]).digest() == content[:DIGEST]


def announce(path, error, writing):
    details = {"path": str(path), "error": error, "writing": writing}
    event.broadcast(event.Event(TROUBLE, event.EventStatus.END, data=details))
