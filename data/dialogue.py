"""Writes dialogue.pcfg, a grammar of questions and their answers: python data/dialogue.py > data/dialogue.pcfg

A context-free grammar has no features, so every combination of them is a production of the start symbol: who is
asked about (person, number and gender of the subject), what they do (verb), to whom (object), and what is asked
(question). Both sides of a pair carry the combination in their names, which is how `Grammar.disagreements` can say
what an answer gets wrong.
"""

import itertools

# The subject of an answer: its features, and its probability; the question names it in another way.
SUBJECTS = {
    "i": ("person-first/number-one", 0.17),
    "we": ("person-first/number-many", 0.12),
    "you": ("person-second/number-one", 0.10),
    "he": ("person-third/number-one/gender-male", 0.16),
    "she": ("person-third/number-one/gender-female", 0.16),
    "it": ("person-third/number-one/gender-neuter", 0.11),
    "they": ("person-third/number-many", 0.18),
}
ONE = ("he", "she", "it")  # whose verb ends in s
OBJECTS = {"it": 0.40, "them": 0.28, "him": 0.16, "her": 0.16}
TRANSITIVE = ["see", "find", "like", "carry", "paint", "follow", "clean", "want", "hold", "watch"]
INTRANSITIVE = ["sleep", "sing", "laugh", "wait", "dance", "work", "run", "smile"]
THIRD = {"carry": "carries", "watch": "watches"}  # all others add an s
KINDS = {"transitive": 0.60, "intransitive": 0.20, "what": 0.20}

ADJECTIVES = ["young", "small", "tall", "happy", "tired", "brave", "quiet", "strange", "clever", "famous"]
COLOURS = ["green", "red", "blue", "white", "black", "big", "small", "bright", "dark", "strange"]
THINGS = ["book", "letter", "boat", "lamp", "key", "basket", "bottle", "chair", "box", "drum", "picture", "coat"]
MEN, WOMEN = ["king", "man", "boy", "uncle", "prince", "monk"], ["queen", "woman", "girl", "niece", "witch", "nun"]
ANIMALS = ["dog", "cat", "horse", "bird", "fox", "lion", "wolf", "mouse"]
MANY = ["dogs", "cats", "horses", "birds", "foxes", "lions", "kings", "queens", "women", "men", "girls", "boys"]

HEAD = """\
# A probabilistic context-free grammar of questions and answers, written for seqgan_gp by data/dialogue.py.
# nltk's format: NONTERMINAL -> symbols [probability] | ...; words are quoted; each left side adds up to 1.
# The word '|' stands between the question and its answer (corpus.context: context). What follows the slashes in the
# name of a symbol are features, on which the two sides of every pair agree.
# A contrast names two classes of words: one in place of the other may make a pair wrong, which probes of critics use.
"""
CONTRASTS = [
    *(
        ("pronoun", f"'{one}'", f"'{other}'")
        for one, other in (("he", "she"), ("him", "her"), ("it", "them"), ("i", "we"))
    ),
    ("article", "One", "Some"),
    ("number", "Thing", "Things"),
    ("agreement", "'do'", "'does'"),
]


def zipf(items: list[str]) -> list[tuple[str, float]]:
    """Each item with a probability that falls like 1 / (2 + its rank)."""
    weights = [1 / (2 + rank) for rank in range(1, len(items) + 1)]
    return [(item, weight / sum(weights)) for item, weight in zip(items, weights, strict=True)]


def rule(left: str, alternatives: list[tuple[str, float]]) -> str:
    return f"{left} -> " + " | ".join(f"{right} [{probability:.6g}]" for right, probability in alternatives)


def words(left: str, items: list[str]) -> str:
    return rule(left, [(f"'{item}'", probability) for item, probability in zipf(items)])


def form(verb: str, subject: str) -> str:
    return THIRD.get(verb, f"{verb}s") if subject in ONE else verb


def pairs() -> list[tuple[str, float, str, list[tuple[str, float]]]]:
    """Every combination: its features, its probability, the question and the answers."""
    made = []
    for subject, (features, chance) in SUBJECTS.items():
        short = [(f"Yes/{subject} Do/{subject} '.'", 0.12), (f"No/{subject} '.'", 0.12)]
        for kind, (verb, common), (thing, often) in itertools.chain(
            itertools.product(["transitive"], zipf(TRANSITIVE), OBJECTS.items()),
            itertools.product(["intransitive"], zipf(INTRANSITIVE), [("", 1.0)]),
            itertools.product(["what"], zipf(TRANSITIVE), [("", 1.0)]),
        ):
            name = f"question-{'what' if kind == 'what' else 'whether'}/{features}/verb-{verb}"
            name += f"/object-{thing}" if thing else ""
            if kind == "what":
                question = f"'what' Ask/{subject} '{verb}' '?'"
                answers = [(f"'{subject}' '{form(verb, subject)}' Object '.'", 1.0)]
            else:
                of, it = (f" Object/{thing}", f" '{thing}'") if thing else ("", "")
                question = f"Ask/{subject} '{verb}'{of} '?'"
                yes, no = f"Yes/{subject} '{form(verb, subject)}'{it} '.'", f"No/{subject} '{verb}'{it} '.'"
                answers = [(yes, 0.40), (no, 0.36), *short]
            made.append((name, chance * common * often * KINDS[kind], question, answers))
    return made


def grammar() -> str:
    """The text of dialogue.pcfg."""
    made = pairs()
    verbs = [("agreement", f"'{verb}'", f"'{form(verb, 'he')}'") for verb in [*TRANSITIVE, *INTRANSITIVE]]
    contrasts = [f"%contrast {name}: {one} {other}" for name, one, other in [*CONTRASTS, *verbs]]
    lines = [HEAD + "\n".join(contrasts), ""]
    lines += [f"Pair -> Question/{name} '|' Answer/{name} [{probability:.6g}]" for name, probability, *_ in made]
    lines.append("")
    lines += [rule(f"Question/{name}", [(question, 1.0)]) for name, _, question, _ in made]
    lines.append("")
    lines += [rule(f"Answer/{name}", answers) for name, _, _, answers in made]
    lines.append("")
    asked = {
        "i": [("'you'", 1.0)],
        "we": [("'you' 'two'", 0.5), ("'you' 'and' Name", 0.5)],
        "you": [("'i'", 1.0)],
        "he": [("'he'", 0.3), ("Man", 0.7)],
        "she": [("'she'", 0.3), ("Woman", 0.7)],
        "it": [("One Animal", 0.6), ("One Adjective Animal", 0.4)],
        "they": [("'they'", 0.3), ("Name 'and' Name", 0.2), ("Some Many", 0.3), ("Some Adjective Many", 0.2)],
    }
    for subject, ways in asked.items():
        do = "does" if subject in ONE else "do"
        lines.append(rule(f"Ask/{subject}", [(f"'{do}' {way}", probability) for way, probability in ways]))
        lines.append(rule(f"Do/{subject}", [(f"'{do}'", 1.0)]))
        lines.append(rule(f"Yes/{subject}", [(f"'yes' ',' '{subject}'", 1.0)]))
        lines.append(rule(f"No/{subject}", [(f"'no' ',' '{subject}' '{do}' 'not'", 1.0)]))
    lines.append(rule("Object", [(f"Object/{thing}", often) for thing, often in OBJECTS.items()]))
    lines.append(rule("Object/it", [("One Thing", 0.5), ("One Colour Thing", 0.5)]))
    lines.append(rule("Object/them", [("Some Things", 0.4), ("Some Colour Things", 0.3), ("Some Many", 0.3)]))
    lines.append(rule("Object/him", [("Man", 1.0)]))
    lines.append(rule("Object/her", [("Woman", 1.0)]))
    lines.append(rule("Man", [("HisName", 0.4), ("One Male", 0.4), ("One Adjective Male", 0.2)]))
    lines.append(rule("Woman", [("HerName", 0.4), ("One Female", 0.4), ("One Adjective Female", 0.2)]))
    lines.append(rule("Name", [("HisName", 0.5), ("HerName", 0.5)]))
    lexicon = {
        **{"HisName": ["peter", "tom", "omar"], "HerName": ["anna", "maria", "lucy"], "Male": MEN, "Female": WOMEN},
        **{"Animal": ANIMALS, "Many": MANY, "Adjective": ADJECTIVES, "Colour": COLOURS, "Thing": THINGS},
        "Things": ["boxes" if thing == "box" else f"{thing}s" for thing in THINGS],
        **{"One": ["the", "a", "this", "every", "my"], "Some": ["the", "some", "many", "these", "two", "three"]},
    }
    return "\n".join([*lines, *(words(left, items) for left, items in lexicon.items()), ""])


if __name__ == "__main__":
    print(grammar(), end="")
