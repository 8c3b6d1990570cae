"""Test how words, lines and tokenizers take sentences apart and put them together."""

import numpy as np
import pytest

from seqgan_gp.errors import UserError
from seqgan_gp.text.kinds import END, PAD, UNKNOWN
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.text.words import join, read_lines, words

SENTENCES = ["The cat's hat, it is red.", "a well-known  dog barks !", "so: 3 (three) déjà-vu", "ΑΒΓ 漢字 <pad> x"]


def cut_texts(tokenizer, sentences, length):
    """The texts of the sentences, cut."""
    return [text for texts, _ in tokenizer.cut(sentences, length) for text in texts]


def test_words_are_lower_case_with_punctuation_apart():
    assert words("The cat's t-shirt, it is red.") == ("the", "cat", "'s", "t-shirt", ",", "it", "is", "red", ".")
    assert words("  ") == ()
    assert words(join(words("today, the dog sleeps."))) == words("today, the dog sleeps.")
    assert join(["today", ",", "the", "dog", "sleeps", "."]) == "today, the dog sleeps."


def test_lines_are_read_with_the_empty_ones(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("a b\r\n\nc\u2028d\n".encode())
    assert read_lines(path) == ["a b", "", "c\u2028d"]
    path.write_bytes("\ufeffa\nb".encode())
    assert read_lines(path) == ["a", "b"]


@pytest.mark.parametrize("kind", ["word", "character", "bpe"])
def test_decoding_gives_the_sentence_back(kind, tmp_path):
    tokenizer = Tokenizer.train(kind, SENTENCES * 3, 400)
    encoded = tokenizer.encode(SENTENCES, 40)
    expected = [" ".join(s.split()) for s in SENTENCES] if kind == "word" else SENTENCES
    assert tokenizer.decode(encoded.ids) == expected
    assert (encoded.truncated, encoded.unknown) == (0, 0.0)
    assert encoded.ids.shape == (4, 40) and encoded.ids.dtype == np.int64
    tokenizer.save(tmp_path / "tokenizer.json")
    assert (Tokenizer.load(tmp_path / "tokenizer.json").encode(SENTENCES, 40).ids == encoded.ids).all()


def test_special_tokens_are_explicit():
    tokenizer = Tokenizer.train("word", ["a b c", "a b"], 10)
    assert tokenizer.tokens[:3] == [PAD, UNKNOWN, END]
    ids = tokenizer.encode(["a b", "a zebra"], 5).ids
    assert ids[0].tolist()[2:] == [tokenizer.end, tokenizer.pad, tokenizer.pad]
    assert ids[1, 1] == tokenizer.unknown
    assert tokenizer.decode(ids) == ["a b", f"a {UNKNOWN}"]


def test_too_long_sentences_are_cut_and_counted():
    tokenizer = Tokenizer.train("word", ["a b c d"], 10)
    encoded = tokenizer.encode(["a b c d", "a b c", "a b"], 3)
    # Three words fill three positions: the sentence is whole, but its end token is lost with it.
    assert encoded.truncated == 2
    assert tokenizer.end not in encoded.ids[0]
    assert tokenizer.decode(encoded.ids) == ["a b c", "a b c", "a b"]


def test_lowercase_and_the_most_frequent_words_are_kept():
    tokenizer = Tokenizer.train("word", ["The the THE cat cat dog"], 5, lowercase=True)
    assert len(tokenizer) == 5
    encoded = tokenizer.encode(["THE cat dog"], 6)
    assert tokenizer.decode(encoded.ids) == [f"the cat {UNKNOWN}"]
    assert encoded.unknown == pytest.approx(1 / 4)


def test_well_formed_is_nothing_but_padding_after_the_end():
    tokenizer = Tokenizer.train("word", ["a b"], 10)
    a, end, pad = tokenizer.encode(["a"], 3).ids[0]
    ids = np.array([[a, end, pad], [a, pad, pad], [a, a, a], [a, end, a], [pad, a, pad], [a, end, end]])
    assert tokenizer.well_formed(ids).tolist() == [True, True, True, False, False, False]


def test_bpe_needs_room_for_its_alphabet():
    with pytest.raises(UserError, match=r"--tokenizer.vocabulary \d+"):
        Tokenizer.train("bpe", ["abcdefghijklmnopqrstuvwxyz"], 10)
    with pytest.raises(UserError, match="vocabulary is 3"):
        Tokenizer.train("word", ["a"], 3)


def test_a_foreign_tokenizer_gets_the_missing_tokens(tmp_path):
    from tokenizers import Tokenizer as Backend
    from tokenizers import models, pre_tokenizers

    backend = Backend(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.save(str(tmp_path / "t.json"))
    tokenizer = Tokenizer.load(tmp_path / "t.json")
    assert len(tokenizer) == 6
    encoded = tokenizer.encode(["a b zebra"], 5)
    assert encoded.ids[0].tolist() == [0, 1, 2, tokenizer.end, tokenizer.pad]
    assert encoded.unknown == pytest.approx(1 / 4)
    with pytest.raises(UserError, match="6 tokens, more than"):
        tokenizer.check_size(5)


def test_a_foreign_tokenizer_neither_cuts_nor_pads_by_itself(tmp_path):
    from tokenizers import Tokenizer as Backend
    from tokenizers import models, pre_tokenizers

    backend = Backend(models.WordLevel({"[PAD]": 0, "a": 1, "b": 2, "[UNK]": 3}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.enable_truncation(2)
    backend.enable_padding(pad_id=0, pad_token="[PAD]", length=6)
    backend.save(str(tmp_path / "t.json"))
    tokenizer = Tokenizer.load(tmp_path / "t.json")
    encoded = tokenizer.encode(["a b b a", "b"], 7)
    end, pad = tokenizer.end, tokenizer.pad
    assert encoded.ids.tolist() == [[1, 2, 2, 1, end, pad, pad], [2, end, *[pad] * 5]]
    assert encoded.truncated == 0 and cut_texts(tokenizer, ["a b b a"], 7) == ["a b b a"]


def test_many_sentences_are_encoded_like_few():
    sentences = ["a b"] * 10_000 + ["b a b", "a zebra"]
    tokenizer = Tokenizer.train("word", ["a b"], 10)
    encoded = tokenizer.encode(sentences, 3)
    (a, b, end), few = encoded.ids[0], tokenizer.encode(sentences[-2:], 3)
    assert few.ids.tolist() == [[b, a, b], [a, tokenizer.unknown, end]]
    np.testing.assert_array_equal(encoded.ids[:10_000], [[a, b, end]] * 10_000)
    np.testing.assert_array_equal(encoded.ids[10_000:], few.ids)
    assert encoded.truncated == 1 and encoded.unknown == pytest.approx(1 / (3 * 10_000 + 4 + 3))
    assert cut_texts(tokenizer, sentences, 2) == ["a b"] * 10_000 + ["b a", "a zebra"]


@pytest.mark.parametrize("kind", ["word", "character", "bpe"])
def test_what_was_not_seen_in_training_is_unknown(kind):
    tokenizer = Tokenizer.train(kind, ["a b", "b a"], 300)
    encoded = tokenizer.encode(["a z"], 6)
    assert tokenizer.unknown in encoded.ids[0] and 0.2 < encoded.unknown < 0.4
    assert tokenizer.decode(encoded.ids) == [f"a {UNKNOWN}"]


@pytest.mark.parametrize("kind", ["word", "character", "bpe"])
def test_an_unknown_token_that_was_written_is_read_as_one_again(kind):
    tokenizer = Tokenizer.train(kind, ["a b, c", f"b {UNKNOWN} a"], 300)
    assert not {"<", "▁<", "u", "▁unk"} & set(tokenizer.tokens)
    ids = tokenizer.encode(
        ["a zzz, b" if kind == "word" else "a z, b", f"{UNKNOWN} a", f"b {UNKNOWN} c {UNKNOWN}"], 9
    ).ids
    assert (ids == tokenizer.unknown).sum(axis=1).tolist() == [1, 1, 2]
    texts = tokenizer.decode(ids)
    np.testing.assert_array_equal(tokenizer.encode(texts, 9).ids, ids)
    assert tokenizer.unknown_pieces(texts) == [UNKNOWN] * 4
    (end,) = (tokenizer.encode(["b " + UNKNOWN], 9).ids[0] == tokenizer.end).nonzero()[0]
    assert cut_texts(tokenizer, [texts[2]], end) == ["b " + UNKNOWN]
    # The other special tokens stay text.
    assert tokenizer.end not in tokenizer.encode([f"a {END} b"], 4).ids


def test_sentences_are_scored_by_what_the_tokens_are():
    units = {kind: Tokenizer.train(kind, ["a b cab", "b a"], 300).unit for kind in ("word", "character", "bpe")}
    assert units == {"word": "word", "character": "character", "bpe": "word"}
    # Letters by themselves with nothing merged are characters too.
    assert Tokenizer.train("bpe", ["ab"], 5).unit == "character"


def test_a_tokenizer_with_gaps_in_its_ids_is_refused(tmp_path):
    from tokenizers import Tokenizer as Backend
    from tokenizers import models

    Backend(models.WordLevel({"a": 0, "b": 10, "[UNK]": 3}, unk_token="[UNK]")).save(str(tmp_path / "t.json"))
    with pytest.raises(UserError, match="gaps"):
        Tokenizer.load(tmp_path / "t.json")


def test_a_decoded_sentence_is_one_line():
    tokenizer = Tokenizer.train("bpe", ["a\nb"], 50)
    assert tokenizer.decode(tokenizer.encode(["a\nb"], 8).ids) == ["a b"]


def test_a_file_that_is_no_tokenizer(tmp_path):
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(UserError, match=r"t\.json"):
        Tokenizer.load(tmp_path / "t.json")
    with pytest.raises(UserError, match="no such"):
        Tokenizer.load(tmp_path / "none.json")


@pytest.mark.parametrize("kind", ["word", "character", "bpe"])
def test_cut_sentences_have_the_ids_of_the_whole_ones_and_end_where_these_do(kind):
    sentences = ["the  cat, sat on\tthe mat.", "a dog ran.", "Zebras?!", "the cat sat"] * 3
    tokenizer = Tokenizer.train(kind, sentences[:2], 300, lowercase=True)
    for length in (3, 5, 9, 40):
        kept = cut_texts(tokenizer, sentences, length)
        whole, cut = tokenizer.encode(sentences, length), tokenizer.encode(kept, length)
        assert (whole.ids == cut.ids).all() and whole.truncated == cut.truncated
        assert all(sentence.startswith(part) and part for sentence, part in zip(sentences, kept, strict=True))
    assert kept == sentences  # 40 are enough
    if kind == "character":
        assert cut_texts(tokenizer, sentences, 5)[:2] == ["the  ", "a dog"]
