"""The course's secret, and the seeds of the hidden checks that follow from it.

The seed of a student's check is HMAC-SHA256(secret, lab and student): nobody without the secret can compute it, and the
same secret gives the same inputs again, in a year too.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from pathlib import Path

from minidelve.disk.files import read_file
from minidelve.errors import UserError, one_line
from minidelve.progress import note

LEAST, MOST = 16, 4096  # bytes
MAKE = "python -c 'import secrets; print(secrets.token_hex(32))' > FILE makes one"


def read_secret(path: Path) -> bytes:
    """The secret in a file, without spaces around it; UserError in one line. A remark where others can read it."""
    what = f"--secret: {path}"
    try:
        secret = read_file(path, MOST).strip()
        others_read = os.name != "nt" and os.stat(path).st_mode & (stat.S_IRGRP | stat.S_IROTH)
    except OSError as error:
        raise UserError(f"{what} cannot be read ({error.strerror or error})", cure=MAKE) from error
    if len(secret) < LEAST:
        found = f"{what} holds {len(secret)} bytes" if secret else f"{what} is empty"
        raise UserError(found, expected=f"at least {LEAST} that nobody can guess", cure=MAKE)
    if others_read:
        note(one_line(f"note: {what} can be read by others on this machine; chmod 600 {path} mends that"))
    return secret


def seed_of(secret: bytes, lab: int, student: str, variant: str | None = None) -> list[int]:
    """The seed of a student's hidden check of a lab.

    >>> seed_of(b"a secret of the course", 3, "anna") == seed_of(b"a secret of the course", 3, "anna")
    True
    >>> len(seed_of(b"a secret of the course", 3, "anna")), seed_of(b"a secret of the course", 3, "ben")[0]
    (8, 1578674330)
    """
    said = "\0".join([f"lab {lab}", variant or "", student])
    digest = hmac.new(secret, said.encode(), hashlib.sha256).digest()
    return [int.from_bytes(digest[i : i + 4], "big") for i in range(0, 32, 4)]


def fingerprint(secret: bytes) -> str:
    """What tells two secrets apart and tells neither."""
    return hmac.new(secret, b"which secret this is", hashlib.sha256).hexdigest()[:16]
