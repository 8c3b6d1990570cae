"""Test tables of scores, and where each score would be for real text."""

import re

from seqgan_gp.evaluation import tables
from seqgan_gp.evaluation.catalogue import RUN_METRICS, metrics
from seqgan_gp.evaluation.scorer import Scored


def test_a_table_has_every_score_in_its_row_and_says_what_a_dash_means():
    columns = {
        "mine": Scored({"count": 1234, "unique": 0.5, "jsd_3": None}, {"unique": (0.4, 0.62)}),
        "real": Scored({"count": 1234, "unique": 0.25, "jsd_3": 0.125, "bleu_4": 0.75}),
    }
    markdown = tables.markdown(columns).splitlines()
    assert markdown[0] == "|  | mine | real | goal |" and markdown[1] == "| --- | ---: | ---: | --- |"
    assert markdown[2:] == [
        "| count | 1,234 | 1,234 |  |",
        "| bleu_4 | - | 0.7500 | higher |",
        "| unique | 0.5000 ± 0.1100 | 0.2500 | real |",
        "| jsd_3 | - | 0.1250 | lower |",
    ]
    lines = tables.terminal(columns).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        *("Sample", "count", "Quality", "bleu_4", "Diversity", "unique", "Distribution", "jsd_3", "-:")
    ]
    assert lines[4].endswith("samples against the reference, 0 to 1; higher is better")
    assert lines[6].endswith("different sentences over all, 0 to 1; aim for the `real` column")
    assert lines[8].endswith("; lower is better") and lines[-1].endswith("without a training file: bleu_4, jsd_3")


def test_where_real_text_would_be_is_said_of_every_score():
    better = {key: metric.better for key, metric in (RUN_METRICS | metrics()).items()}
    higher = {"bleu", "backward_bleu", "f_bleu", "mauve", "grammatical", "production_coverage", "well_formed"}
    higher |= {"valid", "valid_unique", "valid_novel", "match", *(f"match_{10**n}" for n in range(1, 7))}
    higher |= {"obedience", "obedience_*", "obedient", "agreement", "accuracy"}
    lower = {"jsd", "jsd_char", "length_distance", "fed", "classifier_accuracy", "reverse_lm_nll", "production_jsd"}
    lower |= {"wrong_*", "frechet", "frechet_pixels", "class_jsd"}
    real = {
        "count",
        "mean_length",
        "self_bleu",
        "distinct",
        "unique",
        "novel",
        "longest_overlap",
        "new_words",
        "lm_nll",
        "oracle_nll",
    }
    real |= {"nearest_real", "identity_real", "nearest_train", "identity_train", "guesses", "part_*"}
    real |= {"confidence", "smallest_class", "largest_class", "class_*"}
    for goal, names in (("higher", higher), ("lower", lower), ("real", real)):
        assert {re.sub("_[1-5]$", "", key) for key, value in better.items() if value == goal} == names
