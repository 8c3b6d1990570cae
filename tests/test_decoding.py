"""Test that files in any common encoding and packing are read as text, and that others are refused in one line."""

import bz2
import gzip
import io
import json
import lzma
import sys
import types

import pyarrow
import pyarrow.parquet
import pytest
from corpora import load

from seqgan_gp import decoding
from seqgan_gp.errors import UserError
from seqgan_gp.text.reading import read_sentences

LINES = [f"satz nummer {i} ä" for i in range(12)]
CHINESE = ["今天天气很好", "他在图书馆看书", "我们都是学生"] * 4
TEXTS = {
    "txt": "\n".join(LINES) + "\n",
    "csv": "text,id\n" + "".join(f"{line},{i}\n" for i, line in enumerate(LINES)),
    "tsv": "text\tid\n" + "".join(f"{line}\t{i}\n" for i, line in enumerate(LINES)),
    "json": json.dumps([{"text": line} for line in LINES], ensure_ascii=False),
    "jsonl": "".join(json.dumps({"text": line}, ensure_ascii=False) + "\n" for line in LINES),
}


def sentences(path, **options):
    corpus = load(path, **options)
    return sorted(corpus.train.text + corpus.test.text)


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_text_with_a_mark_is_read_by_its_mark(tmp_path, form, encoding):
    path = tmp_path / f"a.{form}"
    path.write_bytes(TEXTS[form].encode(encoding))
    assert sentences(path) == sorted(LINES)


def test_a_big_endian_mark_is_one_too(tmp_path):
    for encoding in ("utf-16-be", "utf-32-be"):
        (tmp_path / "a.txt").write_bytes(("\ufeff" + TEXTS["txt"]).encode(encoding))
        assert sentences(tmp_path / "a.txt") == sorted(LINES)


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("encoding", ["UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"])
@pytest.mark.parametrize("accents", [True, False])
def test_without_a_mark_it_is_refused_with_the_command_that_converts_it(tmp_path, form, encoding, accents):
    path = tmp_path / f"a.{form}"
    text = TEXTS[form] if accents else TEXTS[form].replace("ä", "a")  # which would be valid UTF-8
    path.write_bytes(text.encode(encoding))
    command = rf"iconv -f {encoding} -t UTF-8 '{path}' > utf8.{form}"
    with pytest.raises(UserError, match=rf"the text is {encoding[:6]} without a byte-order mark; .*{command}"):
        load(path)


@pytest.mark.parametrize("encoding", ["UTF-16LE", "UTF-16BE"])
def test_chinese_without_a_mark_is_known_too(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("\n".join(CHINESE).encode(encoding))
    with pytest.raises(UserError, match=f"iconv -f {encoding}"):
        load(tmp_path / "a.txt")


def test_a_zero_byte_here_and_there_is_no_reason_to_refuse_a_text(tmp_path):
    """A generator of bytes may write one."""
    (tmp_path / "a.txt").write_bytes("\n".join([*LINES, "on\0e"]).encode())
    assert "on\0e" in sentences(tmp_path / "a.txt")


@pytest.mark.parametrize(
    "data, complaint",
    [
        (b"\xff\xfea\0b", "its mark says UTF-16, and line 1 does not fit"),
        (bytes(range(256)) * 9, "it holds zero bytes"),
        (b"PK\x03\x04" + bytes(90), "a zip archive"),
        (b"%PDF-1.7\n\xe2\xe3", "a PDF"),
        (b"fine\ncaf\xe9\n", "line 2: not UTF-8 text; .*iconv -f LATIN1"),
        (b"\xff\xfe \0\n\0", "the file has blank lines only"),
        (b"", "the file is empty"),
        (gzip.compress(b"a\nb\nc\nd\n", mtime=0)[:-6], "the gzip file is damaged or not whole"),
        (gzip.compress(b"a\nb\nc\nd\n", mtime=0)[:12] + b"x" * 9, "the gzip file is damaged or not whole"),
        (bz2.compress(b"a\nb\n")[:-6], "the bzip2 file is damaged or not whole"),
        (lzma.compress(b"a\nb\n")[:-9], "the xz file is damaged or not whole"),
    ],
)
def test_what_is_no_text_gives_one_line_that_names_the_file(tmp_path, data, complaint):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(UserError, match=rf"a\.txt.*{complaint}") as error:
        load(tmp_path / "a.txt")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("suffix, pack", [("gz", gzip.compress), ("xz", lzma.compress), ("bz2", bz2.compress)])
def test_packed_files_are_read_as_what_they_hold(tmp_path, form, suffix, pack):
    for encoding in ("utf-8", "utf-16"):
        path = tmp_path / f"A.{form.upper()}.{suffix}"
        path.write_bytes(pack(TEXTS[form].encode(encoding)))
        assert sentences(path) == sorted(LINES)


def test_a_packed_file_of_parquet_is_read_and_a_missing_one_is_no_hub_data_set(tmp_path):
    table = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": LINES}), table)
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(table.getvalue()))
    assert sentences(tmp_path / "a.parquet.gz") == sorted(LINES)
    with pytest.raises(UserError, match=r"none\.txt\.gz: no such file"):
        load(tmp_path / "none.txt.gz")


def test_a_file_that_was_unpacked_on_its_way_keeps_its_name_and_is_read(tmp_path):
    (tmp_path / "a.txt.gz").write_text(TEXTS["txt"])
    (tmp_path / "b.txt").write_bytes(gzip.compress(TEXTS["txt"].encode()))
    assert sentences(tmp_path / "a.txt.gz") == sentences(tmp_path / "b.txt") == sorted(LINES)


def test_zstd_is_read_frame_by_frame(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    packed = zstandard.compress(TEXTS["txt"].encode())
    (tmp_path / "a.txt.zst").write_bytes(packed + zstandard.compress(b"one more\n"))
    assert sentences(tmp_path / "a.txt.zst") == sorted([*LINES, "one more"])
    for damaged in (packed[:-3], packed[:5] + b"xxxx" + packed[9:]):
        (tmp_path / "a.txt.zst").write_bytes(damaged)
        with pytest.raises(UserError, match="the zstd file is damaged or not whole"):
            load(tmp_path / "a.txt.zst")


class Frames:
    """Stands in for zstandard.ZstdDecompressor: a frame is the mark, the number of its bytes, and they themselves."""

    def decompressobj(self):
        return Frames()

    def decompress(self, data):
        size = data[4]
        self.eof, self.unused_data = len(data) >= 5 + size, data[5 + size :]
        return data[5 : 5 + size]


def test_each_frame_of_zstd_has_to_be_whole(tmp_path, monkeypatch):
    for name in ("compression", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    package = types.SimpleNamespace(ZstdDecompressor=Frames, ZstdError=ArithmeticError)
    monkeypatch.setitem(sys.modules, "zstandard", package)
    data = b"".join(b"\x28\xb5\x2f\xfd" + bytes([len(line) + 1]) + f"{line}\n".encode() for line in "abcdef")
    (tmp_path / "a.txt.zst").write_bytes(data)
    assert sentences(tmp_path / "a.txt.zst") == [*"abcdef"]
    (tmp_path / "a.txt.zst").write_bytes(data[:-1])
    with pytest.raises(UserError, match=r"the zstd file is damaged or not whole \(its end is missing\)"):
        load(tmp_path / "a.txt.zst")


def test_zstd_without_its_package_says_which_one(tmp_path, monkeypatch):
    (tmp_path / "a.txt.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(9))
    for name in ("compression", "compression.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=r"pip install zstandard, or unpack it with: zstd -d '.*a\.txt\.zst'"):
        load(tmp_path / "a.txt.zst")


def test_pythons_own_module_for_zstd_goes_before_the_package(tmp_path, monkeypatch):
    text = TEXTS["txt"].encode()
    frame = types.SimpleNamespace(decompress=lambda data: text, eof=True, unused_data=b"")
    own = types.SimpleNamespace(ZstdDecompressor=lambda: frame, ZstdError=ValueError)
    monkeypatch.setitem(sys.modules, "compression", types.ModuleType("compression"))
    monkeypatch.setitem(sys.modules, "compression.zstd", own)
    (tmp_path / "a.txt.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(9))
    assert sentences(tmp_path / "a.txt.zst") == sorted(LINES)


def test_the_suffix_of_a_file_is_that_beneath_its_packing():
    names = {"a.TXT.GZ": ".txt", "b.fa.zst": ".fa", "c.csv": ".csv", "d.gz": "", "e": "", "f.tar.json.xz": ".json"}
    assert {name: decoding.suffix_of(name) for name in names} == names


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_any_system_are_as_many_for_training_and_for_the_scores(tmp_path, end):
    (tmp_path / "a.txt").write_bytes((end.join(LINES) + end).encode())
    assert sentences(tmp_path / "a.txt") == sorted(LINES)
    assert read_sentences(str(tmp_path / "a.txt"), "text") == LINES


def test_a_return_inside_of_a_line_ends_no_sample(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\rhalf\ntwo\n")
    assert read_sentences(str(tmp_path / "a.txt"), "text") == ["one\rhalf", "two"]
