"""Words of all scripts: marks belong to their word, and text without spaces is of characters."""

import random
import re
import unicodedata

import pytest
from conftest import train
from scored import QUICK, put, read

from seqgan_gp.cli import main
from seqgan_gp.text.choices import kind_of
from seqgan_gp.text.kinds import KINDS
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.text.words import characters, words

OLD = re.compile(r"\w+(?:-\w+)*|'\w+|[^\w\s]")  # before marks had a place; English is still cut so

SENTENCES = {
    "hindi": ("हिन्दी भाषा में", 3),
    "hindi, punctuated": ("मैं घर जा रहा हूँ।", 6),
    "tamil": ("தமிழ் மொழி அழகு", 3),
    "bengali": ("আমি বাংলায় গান গাই", 4),
    "malayalam": ("മലയാളം\u200d ഭാഷ", 2),
    "sinhala": ("ශ්\u200dරී ලංකා", 2),
    "arabic with points": ("اَلْعَرَبِيَّةُ لُغَةٌ", 2),
    "hebrew with points": ("שָׁלוֹם עוֹלָם", 2),
    "persian": ("می\u200cخواهم بروم", 2),
    "thai": ("ภาษาไทย ดี", 2),
    "decomposed accents": (unicodedata.normalize("NFD", "café déjà vu"), 3),
    "two accents on one letter": ("tie\u0302\u0301ng Vie\u0302\u0323t", 2),
    "soft hyphens": ("co\u00adope\u00adrate now", 2),
    "a family": ("👨\u200d👩\u200d👧\u200d👦 here", 2),
    "a heart": ("i ❤\ufe0f you", 3),
    "a burning heart": ("❤\ufe0f\u200d🔥", 1),
    "skins": ("👍🏽👍🏿", 2),
    "keycaps": ("1\ufe0f\u20e3 2\ufe0f\u20e3", 2),
    "flags": ("🇫🇷🇩🇪", 2),
    "a flag of a region": ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f !", 2),
    "emoji in a row": ("😀😀😀", 3),
}


def cut(sentence):
    """The words of the tokenizer, without the space before each."""
    backend, _ = KINDS["word"](100)
    pieces = backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(sentence))
    return tuple(word for piece, _ in pieces if (word := piece.replace("▁", "")))


@pytest.mark.parametrize("name", SENTENCES)
def test_marks_belong_to_their_word_in_scores_and_in_tokens(name):
    sentence, number = SENTENCES[name]
    assert len(words(sentence)) == number
    assert words(sentence, lowercase=False) == cut(sentence)
    assert "".join(words(sentence, lowercase=False)) == "".join(sentence.split())
    trained = Tokenizer.train("word", [sentence] * 2, 100)
    assert trained.decode(trained.encode([sentence], 20).ids) == [sentence]


def test_tokens_and_words_are_cut_alike_whatever_stands_in_a_row():
    """But for hyphens and apostrophes, at which tokens are cut."""
    rng = random.Random(1)
    known = [chr(i) for i in range(1, 0x20000) if unicodedata.category(chr(i)) not in ("Cn", "Cs", "Co")]
    usual = [*"ab ,.1हिन्दीไทย漢字👩👨❤🇫🇷🏽\u200c\u200d\ufe0f\u0301\u00ad\u200b "]
    for _ in range(3000):
        row = "".join(rng.choice(known if rng.random() < 0.3 else usual) for _ in range(12))
        sentence = re.sub("[-'▁]", "", row)
        assert words(sentence, lowercase=False) == cut(sentence), ascii(sentence)


def test_english_is_cut_as_ever():
    for sentence in ("The cat's t-shirt, it is red.", "a_b 3.5 x86 -- ''tis", "so: déjà-vu (naïve) “quoted” it’s £5"):
        assert words(sentence) == tuple(OLD.findall(sentence.lower()))


def test_an_unknown_token_counts_as_one():
    assert words("a <unk> dog, <UNK>.") == ("a", "<unk>", "dog", ",", "<unk>", ".")
    assert words("<unk>-like <unkind>", lowercase=False) == ("<unk>", "-", "like", "<", "unkind", ">")
    assert characters("ab<unk>\n<") == ("a", "b", "<unk>", "\n", "<")


def test_published_captions_are_cut_as_ever(coco):
    for path in (coco / "coco" / "test.txt", *sorted((coco / "published_samples").glob("*.txt"))):
        for line in path.read_text().splitlines():
            assert words(line) == tuple(OLD.findall(line.lower()))


def test_a_tokenizer_of_before_cuts_as_before(tmp_path):
    from tokenizers import Regex, pre_tokenizers

    old = Tokenizer.train("word", ["a b"], 20)
    space = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    split = pre_tokenizers.Split(Regex(r"▁?(?:\w+|[^\w▁])"), "isolated")
    old.backend.pre_tokenizer = pre_tokenizers.Sequence([space, split])
    old.save(tmp_path / "tokenizer.json")
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    assert again.decode(again.encode(["a b"], 5).ids) == ["a b"]
    assert (again.encode(["a b c"], 5).ids == old.encode(["a b c"], 5).ids).all()


# --- characters where there are no spaces

WITHOUT = {
    "chinese": ["今天天气很好", "我们明天去北京"],
    "chinese, mixed": ["我喜欢 Python 编程。", "今天,天气很好!", "他买了 3 个苹果 和 梨。", "使用 Java 和 Go 开发"],
    "chinese, each line with a space": ["床前明月光 疑是地上霜", "举头望明月 低头思故乡"],
    "japanese": ["私は東京に住んでいます。 とても楽しい", "JR線で Go To トラベルに行く"],
    "thai": ["ฉันชอบแมวมาก และหมา", "สวัสดีครับ ผมชื่อจอห์น"],
    "khmer": ["ខ្ញុំស្រឡាញ់ភាសាខ្មែរ ណាស់", "សួស្តី ពិភពលោក"],
    "lao": ["ຂ້ອຍມັກພາສາລາວ ຫຼາຍ"],
    "burmese": ["ကျွန်တော် မြန်မာစာကို လေ့လာနေပါတယ်"],
    "passwords": ["letmein", "dragon12", "abc def"] + ["password"] * 40,
    "genes": ["ACGT", "GGGA"],
}
WITH = {
    "english": ["the dog sleeps", "a cat"],
    "english with chinese names": ["I met 王小明 in Beijing yesterday", "the dog 狗 sleeps"],
    "chinese, cut into words": ["我 喜欢 猫 。", "今天 天气 很 好"],
    "chinese, cut into characters": ["床 前 明 月 光", "疑 是 地 上 霜"],
    "thai, cut into words": ["ฉัน ชอบ แมว มาก", "เรา ไป ตลาด"],
    "hindi": ["हिन्दी भाषा में", "यह घर है"],
    "korean": ["나는 학교에 간다", "오늘 날씨가 좋다"],
    "arabic": ["اللغة العربية جميلة"],
    "russian": ["собака спит дома"],
}


@pytest.mark.parametrize("name", [*WITHOUT, *WITH])
def test_text_without_spaces_is_of_characters(name):
    assert kind_of((WITHOUT | WITH)[name] * 3) == ("character" if name in WITHOUT else "word")


def test_the_unit_is_the_one_that_suits_the_reference(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["--reference", "real.txt", *QUICK, "--json", "s.json"]
    for name, unit in ((name, "character" if name in WITHOUT else "word") for name in (*WITHOUT, *WITH)):
        put(tmp_path / "real.txt", (WITHOUT | WITH)[name] * 4)
        put(tmp_path / "samples.txt", ["猫が好き", "a b", *(WITHOUT | WITH)[name]])
        assert main(["evaluate", "samples.txt", *options]) == 0
        out = capsys.readouterr().out
        said = "n-grams of characters: the sentences of real.txt have no spaces between words; --unit word for words"
        assert (said in out.splitlines()) == (unit == "character")
        assert read(tmp_path / "s.json")["settings"]["n_grams"].startswith("characters") == (unit == "character")
        for asked in ("word", "character"):
            assert main(["evaluate", "samples.txt", *options, "--unit", asked]) == 0
            out, err = capsys.readouterr()
            assert said not in out and ("give --unit character" in err) == (unit == "character" and asked == "word")
            assert read(tmp_path / "s.json")["settings"]["n_grams"].startswith("characters") == (asked == "character")


def test_compare_chooses_the_unit_too_and_a_grammar_may_have_no_spaces(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "real.txt", WITHOUT["chinese, mixed"] * 4)
    put(tmp_path / "a.txt", WITHOUT["chinese, mixed"])
    assert main(["compare", "a.txt", "--reference", "real.txt", *QUICK, "--bootstrap", "0"]) == 0
    assert "n-grams of characters: the sentences of real.txt" in capsys.readouterr().out
    put(tmp_path / "genes.txt", ["ACGTACGT", "GGGTTTAA"])
    assert main(["evaluate", "genes.txt", "--grammar", "dna", *QUICK]) == 0
    assert "n-grams of characters: the sentences of the grammar dna have no" in capsys.readouterr().out


@pytest.mark.parametrize("kind, said", [("word", True), ("character", False), (None, False)])
def test_training_on_words_that_are_clauses_suggests_characters(kind, said, tmp_path, capsys):
    put(tmp_path / "corpus.txt", [f"{line}{i}" for i in range(30) for line in WITHOUT["chinese, mixed"]])
    options = [f"--corpus.train={tmp_path / 'corpus.txt'}", "--corpus.holdout=20", "--train.steps=1"]
    assert train(tmp_path / "run", *options, f"--tokenizer.kind={kind or 'null'}") == 0
    out = capsys.readouterr().out
    assert ("--tokenizer.kind character suits them" in out) == said
    expected = "word" if said else "character"
    assert Tokenizer.load(tmp_path / "run" / "tokenizer.json").unit == expected
