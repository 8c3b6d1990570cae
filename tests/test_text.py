"""Words, tokenizers, corpora and batches."""

import gzip
import itertools
import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from seqgan_gp.errors import UserError
from seqgan_gp.text.conditions import Contexts, Labels
from seqgan_gp.text.corpus import Given, load_corpus
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.pairs import Pairs
from seqgan_gp.text.tokenizer import END, PAD, UNKNOWN, Tokenizer
from seqgan_gp.text.words import join, read_lines, words
from seqgan_gp.training.batches import Batches

SENTENCES = ["The cat's hat, it is red.", "a well-known  dog barks !", "so: 3 (three) déjà-vu", "ΑΒΓ 漢字 <pad> x"]


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
    assert encoded.truncated == 0 and tokenizer.cut(["a b b a"], 7) == ["a b b a"]


def test_many_sentences_are_encoded_like_few():
    sentences = ["a b"] * 10_000 + ["b a b", "a zebra"]
    tokenizer = Tokenizer.train("word", ["a b"], 10)
    encoded = tokenizer.encode(sentences, 3)
    (a, b, end), few = encoded.ids[0], tokenizer.encode(sentences[-2:], 3)
    assert few.ids.tolist() == [[b, a, b], [a, tokenizer.unknown, end]]
    np.testing.assert_array_equal(encoded.ids[:10_000], [[a, b, end]] * 10_000)
    np.testing.assert_array_equal(encoded.ids[10_000:], few.ids)
    assert encoded.truncated == 1 and encoded.unknown == pytest.approx(1 / (3 * 10_000 + 4 + 3))
    assert tokenizer.cut(sentences, 2) == ["a b"] * 10_000 + ["b a", "a zebra"]


@pytest.mark.parametrize("kind", ["word", "character", "bpe"])
def test_what_was_not_seen_in_training_is_unknown(kind):
    tokenizer = Tokenizer.train(kind, ["a b", "b a"], 300)
    encoded = tokenizer.encode(["a z"], 6)
    assert tokenizer.unknown in encoded.ids[0] and 0.2 < encoded.unknown < 0.4
    assert tokenizer.decode(encoded.ids) == [f"a {UNKNOWN}"]


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


def load(train, **changes):
    return load_corpus(
        **{"train": str(train), "test": None, "column": "text", "size": 50, "holdout": 2, "seed": 0} | changes
    )


LINES = [f"sentence number {i}" for i in range(10)]


def write(folder, form):
    path = folder / f"corpus.{form}"
    if form == "txt":
        path.write_text("\n".join(LINES) + "\n\n")
    elif form in ("csv", "tsv"):
        comma = "," if form == "csv" else "\t"
        path.write_text("\n".join([f"id{comma}text", *(f"{i}{comma}{s}" for i, s in enumerate(LINES))]))
    elif form == "json":
        path.write_text(json.dumps([{"text": s, "id": i} for i, s in enumerate(LINES)]))
    elif form == "jsonl":
        path.write_text("\n".join(json.dumps({"text": s}) for s in LINES))
    else:
        pyarrow.parquet.write_table(pyarrow.table({"text": LINES}), path)
    return path


@pytest.mark.parametrize("form", ["txt", "csv", "tsv", "json", "jsonl", "parquet"])
def test_every_format_holds_out_sentences(tmp_path, form):
    corpus = load(write(tmp_path, form))
    assert sorted(corpus.train + corpus.test) == sorted(LINES)
    assert len(corpus.test) == 2 and corpus.grammar is None
    assert load(tmp_path / f"corpus.{form}").test == corpus.test


def test_a_tenth_is_held_out_by_default(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"sentence {i}\n" for i in range(50)))
    corpus = load(tmp_path / "a.txt", holdout=None)
    assert (len(corpus.train), len(corpus.test)) == (45, 5)


def test_sentences_are_held_out_at_random_by_the_seed_and_keep_their_order(tmp_path):
    lines = [f"sentence {i:02}" for i in range(60)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    one, again, other = (load(tmp_path / "a.txt", holdout=20, seed=seed) for seed in (1, 1, 2))
    assert (one.train, one.test) == (again.train, again.test) != (other.train, other.test)
    assert sorted(one.train + one.test) == lines and len(one.test) == 20
    assert one.train == sorted(one.train) and one.test == sorted(one.test) and one.test != lines[:20]


@pytest.mark.parametrize(
    "size, holdout",
    [
        (4, 2),
        (9, 2),
        (10, 2),
        (19, 2),
        (20, 2),
        (39, 3),
    ],
)
def test_two_sentences_at_least_are_held_out_by_default(tmp_path, size, holdout):
    (tmp_path / "a.txt").write_text("".join(f"sentence {i}\n" for i in range(size)))
    assert len(load(tmp_path / "a.txt", holdout=None).test) == holdout


@pytest.mark.parametrize("size, holdout", [(4, 2), (5, 2), (8, 4)])
def test_half_of_the_sentences_at_most_are_held_out(tmp_path, size, holdout):
    (tmp_path / "a.txt").write_text("\n".join(LINES[:size]))
    assert len(load(tmp_path / "a.txt", holdout=holdout).test) == holdout
    with pytest.raises(UserError, match="too few to hold out"):
        load(tmp_path / "a.txt", holdout=holdout + 1)


def test_what_each_sentence_is_given_stays_with_it(tmp_path):
    rows = [(f"sentence {i}", f"{i % 4:02}") for i in range(40)]  # two digits: a number would lose one of them
    (tmp_path / "a.csv").write_text("text,kind\n" + "".join(f"{text},{kind}\n" for text, kind in rows))
    corpus = load(tmp_path / "a.csv", holdout=15, seed=3, given="kind")
    for sentences, given in ((corpus.train, corpus.given.train), (corpus.test, corpus.given.test)):
        assert set(zip(sentences, given, strict=True)) <= set(rows)
    assert len(corpus.test) == 15 and len(corpus.train) == 25
    assert load(tmp_path / "a.csv", holdout=15, seed=3).test == corpus.test  # what is given changes no split


def test_a_class_that_is_missing_is_named(tmp_path):
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "kind": datasets.ClassLabel(names=["no", "yes"])})
    rows = {"text": LINES[:6], "kind": [0, 1, -1, 1, 0, 1]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(UserError, match="column 'kind' is empty in 1 of 6 rows, first in row 3"):
        load(tmp_path / "a.parquet", given="kind")


def test_rows_without_text_are_left_out_and_folders_are_read_to_the_bottom(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    rows = [{"text": text} for text in (LINES[0], None, "  ", *LINES[1:])]
    (tmp_path / "deep" / "er" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = load(tmp_path / "deep")
    assert sorted(corpus.train + corpus.test) == sorted(LINES)


def test_a_suffix_in_capitals_is_that_of_a_text_file(tmp_path):
    (tmp_path / "A.TXT").write_text("\n".join(LINES))
    corpus = load(tmp_path / "A.TXT")
    assert sorted(corpus.train + corpus.test) == sorted(LINES)


def test_a_given_test_file_and_a_folder_with_splits(tmp_path):
    (tmp_path / "train.txt").write_text("\n".join(LINES))
    (tmp_path / "test.txt").write_text("one more\nand another\n")
    assert load(tmp_path / "train.txt", test=str(tmp_path / "test.txt")).test == ["one more", "and another"]
    corpus = load(tmp_path)
    assert (corpus.train, corpus.test) == (LINES, ["one more", "and another"])
    # A file goes before the split of a folder, and a folder has a split for the purpose.
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "o.txt").write_text("this one\nand that one\n")
    (tmp_path / "both").mkdir()
    for name in ("train", "test"):
        (tmp_path / "both" / f"{name}.txt").write_text(f"to {name}\nand {name} again\n")
    assert load(tmp_path / "both", test=str(tmp_path / "other" / "o.txt")).test == ["this one", "and that one"]
    assert load(tmp_path / "other", test=str(tmp_path / "both")).test == ["to test", "and test again"]


def test_a_folder_of_several_kinds_is_refused_rather_than_half_read(tmp_path):
    write(tmp_path, "txt")
    write(tmp_path, "csv")
    with pytest.raises(UserError, match="several kinds"):
        load(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(UserError, match="none of"):
        load(tmp_path / "sub")


def test_cells_that_look_like_numbers_or_missing_values_are_text(tmp_path):
    cells = ["NA", "null", "None", "007", "1e5", "nan", "x"]
    (tmp_path / "a.csv").write_text("password\n" + "\n".join(cells))
    corpus = load(tmp_path / "a.csv", column="password")
    assert sorted(corpus.train + corpus.test) == sorted(cells)


def test_a_csv_may_be_tested_on_a_text_file(tmp_path):
    (tmp_path / "a.csv").write_text("sentence\none\ntwo\n")
    (tmp_path / "t.txt").write_text("\ufeffthree\nfour\n", encoding="utf-8")
    corpus = load(tmp_path / "a.csv", column="sentence", test=str(tmp_path / "t.txt"))
    assert (corpus.train, corpus.test) == (["one", "two"], ["three", "four"])


def test_a_file_name_is_no_pattern(tmp_path):
    (tmp_path / "b[1]*.txt").write_text("\n".join(LINES))
    (tmp_path / "b1.txt").write_text("other\n" * 9)
    assert "other" not in load(tmp_path / "b[1]*.txt").train


def test_line_breaks_inside_a_sentence_become_spaces(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": f"one\ntwo {i}\n"}) for i in range(6)))
    assert load(tmp_path / "a.jsonl").train[0].startswith("one two ")


def test_held_out_sentences_of_a_second_grammar_come_from_a_stream_of_their_own():
    alone, second = load("grammar:text"), load("grammar:text", test="grammar:text")
    assert second.train == alone.train and len(second.test) == len(alone.test)
    assert not set(second.test) & {*alone.test, *alone.train}


def test_grammar_corpora_repeat_and_keep_their_test_sentences():
    small, large = load("grammar:text", size=10), load("grammar:text", size=20)
    assert small.test == large.test and large.train[:10] == small.train
    assert len(small.train) == 10 and len(small.test) == 2 and small.grammar is not None
    stream = small.grammar.sentences(4)
    other = load("grammar:text", size=10, holdout=3, seed=4)
    assert other.test == list(itertools.islice(stream, 3)) and other.train == list(itertools.islice(stream, 10))
    assert len(load("grammar:text", holdout=None).test) == 2000


def test_held_out_sentences_of_the_same_grammar_are_drawn_anew():
    corpus = load("grammar:text", test="grammar:text", size=40, holdout=30, seed=4)
    assert len(corpus.train) == 40 and len(corpus.test) == 30
    assert len(set(corpus.test) & set(corpus.train)) < 5
    other = load("grammar:dna", test="grammar:text", size=40, holdout=30)
    assert np.isfinite(corpus.grammar.log_probability(other.test)).all() and other.train[0].startswith("ATG")


def test_a_grammar_tells_what_its_sentences_are_given():
    corpus = load("grammar:dialogue", given="context", size=30, holdout=20, seed=4)
    for given, sentences in ((corpus.given.train, corpus.train), (corpus.given.test, corpus.test)):
        assert all(Pairs(corpus.grammar).agree(given, sentences)) and given != sentences
    assert (len(corpus.train), len(corpus.test)) == (30, 20)
    labelled = load("grammar:types", given="label", size=30, holdout=20, seed=4)
    for given, sentences in ((labelled.given.train, labelled.train), (labelled.given.test, labelled.test)):
        assert labelled.grammar.label_probability(given, sentences).tolist() == pytest.approx([1] * len(given))
    assert labelled.train == load("grammar:types", size=30, holdout=20, seed=4).train
    again = load("grammar:types", given="label", size=30, holdout=20, seed=5)
    assert again.train != labelled.train


def test_a_sentence_may_be_a_question_and_an_answer():
    grammar = Grammar("P -> A '|' B [1.0]\nA -> 'x' [0.5] | 'y' [0.5]\nB -> 'x' [0.5] | 'z' [0.5]")
    pairs = Pairs(grammar)
    assert pairs.agree(["x", "y", "z", "x"], ["x", "x", "x", "y"]) == [True, True, False, False]


def test_the_user_is_told_what_the_sentences_are_given():
    given = Given([*["b"] * 5, *["a"] * 3], ["a"])
    assert Labels.of(given).describe(given) == "2 labels: b (62.5%), a (37.5%)"
    contexts = Contexts(Tokenizer.train("word", ["a b c"], 10), 3)
    described = contexts.describe(Given(["a b c", "a", "a b c", "b a"], ["c"]))
    assert described == "3 different contexts; 2 are longer than 3 tokens and were cut"
    assert contexts.encode(["a b c", "c"]).shape == (2, 3)


def test_bad_corpora_name_the_thing_and_the_remedy(tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "latin.txt").write_bytes("fine\nfine too\ncaf\xe9\n".encode("latin1"))
    (tmp_path / "packed.txt.gz").write_bytes(gzip.compress(b"one sentence\n"))
    (tmp_path / "short.txt").write_text("a\nb\nc\n")
    (tmp_path / "broken.json").write_text("[{")
    pyarrow.parquet.write_table(pyarrow.table({"text": [1, 2, 3, 4]}), tmp_path / "numbers.parquet")
    write(tmp_path, "csv")
    for train, options, complaint in [
        ("none.txt", {}, "no such file"),
        ("empty.txt", {}, "empty"),
        ("latin.txt", {}, "line 3: not UTF-8"),
        ("packed.txt.gz", {}, "unpack it first"),
        ("short.txt", {}, "--corpus.test FILE"),
        ("corpus.csv", {"holdout": 6}, "--corpus.holdout 2"),
        ("broken.json", {}, "cannot be loaded"),
        ("numbers.parquet", {}, "int64, not text"),
        ("", {}, "empty"),
        ("corpus.csv", {"column": "sentence"}, "one of: id, text"),
        ("corpus.csv", {"test": "no/such/place"}, "not found"),
    ]:
        with pytest.raises(UserError, match=complaint) as error:
            load(tmp_path / train if train else "", **options)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("rows, size", [(10, 4), (3, 8), (8, 8)])
def test_batches_draw_every_row_once_an_epoch(rows, size):
    batches = Batches(rows, size, seed=1)
    drawn = np.concatenate([batches[t] for t in range(3 * rows)])
    for epoch in range(len(drawn) // rows):
        assert sorted(drawn[epoch * rows : (epoch + 1) * rows]) == list(range(rows))
    assert (Batches(rows, size, seed=1)[5] == batches[5]).all()  # out of order, from anew: the same
    assert not (drawn[:rows] == drawn[rows : 2 * rows]).all()


@pytest.mark.parametrize("kind", ["word", "character", "bpe"])
def test_cut_sentences_have_the_ids_of_the_whole_ones_and_end_where_these_do(kind):
    sentences = ["the  cat, sat on\tthe mat.", "a dog ran.", "Zebras?!", "the cat sat"] * 3
    tokenizer = Tokenizer.train(kind, sentences[:2], 300, lowercase=True)
    for length in (3, 5, 9, 40):
        kept = tokenizer.cut(sentences, length)
        whole, cut = tokenizer.encode(sentences, length), tokenizer.encode(kept, length)
        assert (whole.ids == cut.ids).all() and whole.truncated == cut.truncated
        assert all(sentence.startswith(part) and part for sentence, part in zip(sentences, kept, strict=True))
    assert kept == sentences  # 40 are enough
    if kind == "character":
        assert tokenizer.cut(sentences, 5)[:2] == ["the  ", "a dog"]
