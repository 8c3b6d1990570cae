"""Read the text of files: plain or packed ones, in UTF-8, or in UTF-16 or UTF-32 by their mark."""

from __future__ import annotations

import bz2
import codecs
import gzip
import importlib
import lzma
import sys
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def read_text(path: str | Path) -> str:
    """Read the text of a file, plain or packed.

    Raises:
        EmptyFileError: the file is empty.
        UserError: the path is missing or no file, or the file is no text that can be read.
    """
    return _decode(read_bytes(path), str(path))


def read_standard_input() -> str:
    """The same for standard input."""
    if sys.stdin is None:
        raise UserError("standard input is closed: name a file in place of -")
    name = "standard input"
    return _decode(_unpack(sys.stdin.buffer.read(), name), name)


def read_bytes(path: str | Path) -> bytes:
    """Read the bytes of a file, unpacked.

    Raises:
        UserError: the path is missing or no file, or it cannot be unpacked.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    return _unpack(data, str(path))


def _unpack(data: bytes, name: str) -> bytes:
    """Unpack what begins as packed data do, whatever its name says."""
    packings: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
        b"\x1f\x8b": ("gzip", gzip.decompress),
        b"BZh": ("bzip2", bz2.decompress),
        b"\xfd7zXZ\x00": ("xz", lzma.decompress),
        b"\x28\xb5\x2f\xfd": ("zstd", lambda data: _unpack_zstd(data, name)),
    }
    for start, (packing, unpack) in packings.items():
        if data.startswith(start):
            try:
                return unpack(data)
            except (UserError, MemoryError):
                raise
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise UserError(
                    f"{name}: the {packing} file is damaged or not whole ({error}): copy or pack it anew"
                ) from None
    return data


def _unpack_zstd(data: bytes, name: str) -> bytes:
    """Unpack zstd with Python's own module, from 3.14 on, or else with the package zstandard."""
    module: Any
    try:
        module = importlib.import_module("compression.zstd")
    except ImportError:
        pass
    else:
        try:
            return module.decompress(data)
        except module.ZstdError as error:
            raise ValueError(str(error)) from None
    try:
        module = importlib.import_module("zstandard")
    except ImportError:
        raise UserError(
            f"{name}: packed with zstd, which needs a package here: pip install zstandard, or unpack it with: "
            f"zstd -d '{name}'"
        ) from None
    unpacked = []
    while data:  # frame by frame, since only a frame knows whether it is whole
        frame = module.ZstdDecompressor().decompressobj()
        try:
            unpacked.append(frame.decompress(data))
        except module.ZstdError as error:
            raise ValueError(str(error)) from None
        if not frame.eof:
            raise ValueError("its end is missing")
        data = frame.unused_data
    return b"".join(unpacked)


def _decode(data: bytes, name: str) -> str:
    """Decode a text by its mark, or as UTF-8."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            try:
                return _full(data.decode(encoding), name)
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{name}: its mark says {encoding}, and byte {error.start + 1:,} does not fit: save it as UTF-8"
                ) from None
    zeros = data.count(0)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if zeros:
            _refuse(data, name)
        for start, kind in ARCHIVES.items():
            if data.startswith(start):
                raise UserError(f"{name}: it is {kind}: take the text out of it, and give that") from None
        remedy = (
            f"find out its encoding (file -i '{name}' guesses), and convert it; if that is Latin-1, with: "
            f"iconv -f LATIN1 -t UTF-8 '{name}'"
        )
        raise UserError(f"{name}, line {line}: not UTF-8 text; {remedy}") from None
    if 20 * zeros > len(data):  # a generator of bytes may write a few
        _refuse(data, name)
    return _full(text, name)


def _full(text: str, name: str) -> str:
    if not text.strip():
        raise EmptyFileError(f"{name}: the file is empty; one sentence a line is expected")
    return text


def _refuse(data: bytes, name: str) -> None:
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
