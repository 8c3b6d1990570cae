"""Read the text of files: plain or packed ones, in UTF-8, or in UTF-16 or UTF-32 by their mark."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import importlib
import io
import lzma
import os
import stat
import sys
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from .errors import UserError

STANDARD_INPUT = "-"
SUFFIXES = (".gz", ".bz2", ".xz", ".zst")  # of packed files
LOOKED_AT = 1 << 16  # bytes, to guess an encoding
MARKS = (  # that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
ARCHIVES = {b"PK\x03\x04": "a zip archive, as office files are too", b"%PDF-": "a PDF", b"7z\xbc\xaf": "a 7z archive"}


class EmptyFileError(UserError):
    """There is nothing in the file but white space."""


def suffix_of(path: str | Path) -> str:
    """Find the suffix of a file in lower case, beneath that of its packing: `.txt` of `A.TXT.gz`."""
    path = Path(path)
    return Path(path.stem).suffix.lower() if is_packed(path) else path.suffix.lower()


def is_packed(path: str | Path) -> bool:
    """Whether the name of a file is that of a packed one."""
    return Path(path).suffix.lower() in SUFFIXES


def read_lines(path: str | Path, newline: str | None = None) -> Iterator[str]:
    """Read the lines of a file, plain or packed, one after another; - is standard input.

    Args:
        newline: as of `open`. None takes every line break for \\n, and "" and "\\n" leave them as they are. "\\n" is
            None where the file has \\r alone, as old Macs end lines.

    Raises:
        EmptyFileError: the file is empty, or all of its lines are blank.
        UserError: the path is missing or no file, or the file is no text that can be read.
    """
    name = "standard input" if str(path) == STANDARD_INPUT else str(path)
    number, empty = 0, True
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(open_bytes(path))
        with _naming_damage(stream.packing, name):
            head = stream.peek(LOOKED_AT)
            encoding = _encoding_of(head, name)
            if newline == "\n" and b"\n" not in head and b"\r" in head.rstrip(b"\r"):
                newline = None
            try:
                for line in io.TextIOWrapper(stream, encoding, newline=newline):
                    number, empty = number + 1, empty and line.isspace()
                    yield line
            except UnicodeDecodeError as error:
                raise _not_decoded(error, head, encoding, number, name) from None
    if empty:
        found = "has blank lines only" if number else "is empty"
        raise EmptyFileError(f"{name}: the file {found}; one sentence a line is expected")


class Unpacked(io.BufferedReader):
    """The bytes of a file, unpacked; `packing` is the name of the packing, or None."""

    def __init__(self, raw: Any, packing: str | None = None):
        super().__init__(raw, LOOKED_AT)
        self.packing = packing


def open_bytes(path: str | Path) -> Unpacked:
    """Open a file; what begins as packed data do is unpacked, whatever the name says. - is standard input.

    Raises:
        UserError: the path is missing or no file.
    """
    file = _standard_input() if str(path) == STANDARD_INPUT else _open(path)
    start = file.peek(8)[:8]
    packings: dict[bytes, tuple[str, Callable[[Any], Any]]] = {
        b"\x1f\x8b": ("gzip", lambda packed: gzip.GzipFile(fileobj=packed)),
        b"BZh": ("bzip2", bz2.BZ2File),
        b"\xfd7zXZ\x00": ("xz", lzma.LZMAFile),
        b"\x28\xb5\x2f\xfd": ("zstd", lambda packed: Pieces(_unpack_zstd(packed, str(path)))),
    }
    for mark, (packing, unpack) in packings.items():
        if start.startswith(mark):
            return Unpacked(unpack(file), packing)
    return Unpacked(file)


def read_bytes(path: str | Path) -> bytes:
    """Read the bytes of a file, unpacked.

    Raises:
        UserError: the path is missing or no file, or it cannot be unpacked.
    """
    with open_bytes(path) as stream, _naming_damage(stream.packing, str(path)):
        return stream.read()


def _standard_input() -> Any:
    if sys.stdin is None:
        raise UserError("standard input is closed: name a file in place of -")
    source: Any = sys.stdin.buffer
    return io.BufferedReader(Pieces(iter(lambda: source.read1(LOOKED_AT), b"")))  # it must stay open


def _open(path: str | Path) -> Any:
    """Open a file. A pipe that a shell has made, as <(command), is one too; a device or a named pipe is not."""
    try:
        mode = os.stat(path).st_mode
        pipe = stat.S_ISFIFO(mode) and str(path).startswith(("/dev/", "/proc/"))
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or pipe:
            return Path(path).open("rb")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:  # a zero byte in the name
        raise UserError(f"{str(path)!r}: no name of a file ({error})") from None
    kind = "named pipe" if stat.S_ISFIFO(mode) else "device"
    raise UserError(f"{path}: it is a {kind}, which may never end: write its contents to a file, and give that")


@contextlib.contextmanager
def _naming_damage(packing: str | None, name: str) -> Iterator[None]:
    """Turn the errors of unpacking into one line."""
    try:
        yield
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        if packing is None or isinstance(error, UserError | UnicodeError):
            raise
        raise UserError(f"{name}: the {packing} file is damaged or not whole ({error}): copy or pack it anew") from None


class Pieces(io.RawIOBase):
    """A stream of bytes that come piece by piece."""

    def __init__(self, pieces: Iterator[bytes]):
        self.pieces, self.left = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.left:
            piece = next(self.pieces, None)
            if piece is None:
                return 0
            self.left = piece
        size = min(len(buffer), len(self.left))
        buffer[:size], self.left = self.left[:size], self.left[size:]
        return size


def _unpack_zstd(packed: Any, name: str) -> Iterator[bytes]:
    """Unpack zstd with Python's own module, from 3.14 on, or else with the package zstandard."""
    module: Any
    try:
        module = importlib.import_module("compression.zstd")
        new = module.ZstdDecompressor
    except ImportError:
        try:
            module = importlib.import_module("zstandard")
        except ImportError:
            raise UserError(
                f"{name}: packed with zstd, which needs a package here: pip install zstandard, or unpack it with: "
                f"zstd -d '{name}'"
            ) from None
        new = lambda: module.ZstdDecompressor().decompressobj()  # noqa: E731
    frame: Any = None
    data = packed.read(LOOKED_AT)
    while data:  # frame by frame, since only a frame knows whether it is whole
        frame = frame or new()
        try:
            yield frame.decompress(data)
        except module.ZstdError as error:
            raise ValueError(str(error)) from None
        data = b""
        if frame.eof:
            frame, data = None, frame.unused_data
        data = data or packed.read(LOOKED_AT)
    if frame is not None:
        raise ValueError("its end is missing")


def _encoding_of(head: bytes, name: str) -> str:
    """The encoding of a text by its beginning: by its mark, or else UTF-8."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    if 20 * head.count(0) > len(head):  # a generator of bytes may write a few
        _refuse(head, name)
    return "utf-8-sig"


def _not_decoded(error: UnicodeDecodeError, head: bytes, encoding: str, lines: int, name: str) -> UserError:
    """The error for a text that is not in its encoding, after so many good lines."""
    if encoding != "utf-8-sig":
        return UserError(f"{name}: its mark says {encoding}, and line {lines + 1:,} does not fit: save it as UTF-8")
    if head.count(0):
        _refuse(head, name)
    for start, kind in ARCHIVES.items():
        if head.startswith(start):
            return UserError(f"{name}: it is {kind}: take the text out of it, and give that")
    line = lines + error.object.count(b"\n", 0, error.start) + 1
    return UserError(
        f"{name}, line {line:,}: not UTF-8 text; find out its encoding (file -i '{name}' guesses), and convert it; if "
        f"that is Latin-1, with: iconv -f LATIN1 -t UTF-8 '{name}'"
    )


def _refuse(data: bytes, name: str) -> NoReturn:
    """Raise a UserError for a text with zero bytes."""
    for start, kind in ARCHIVES.items():
        if data.startswith(start):
            raise UserError(f"{name}: it is {kind}: take the text out of it, and give that")
    if encoding := _unmarked(data):
        raise UserError(
            f"{name}: the text is {encoding[:6]} without a byte-order mark; convert it, for example with: "
            f"iconv -f {encoding} -t UTF-8 '{name}' > utf8{suffix_of(name) or '.txt'}"
        )
    raise UserError(
        f"{name}: not UTF-8 text; it holds zero bytes, as packed and binary files do: unpack it first, or give a text "
        "file"
    )


def _unmarked(data: bytes) -> str | None:
    """Guess in which encoding of two or four bytes a text without a mark is: that which makes most ASCII of it."""
    found: dict[str, int] = {}
    for encoding in ("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE"):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(data[:LOOKED_AT])
        except UnicodeDecodeError:
            continue
        odd = sum(unicodedata.category(c) in ("Cc", "Cn", "Co") and not c.isspace() for c in text)
        plain = sum(c.isascii() for c in text)
        if plain and not odd:
            found[encoding] = plain
    return max(found, key=lambda encoding: found[encoding], default=None)
