"""Test that each mutant of the list can be planted, and that its tests exist."""

import mutants
import pytest

MUTANTS = mutants.load(mutants.LIST)


@pytest.mark.parametrize("file", sorted({mutant.file for mutant in MUTANTS}))
def test_every_mistake_of_the_list_can_be_planted_and_its_tests_exist(file):
    for mutant in MUTANTS:
        if mutant.file == file:
            mutant.check()


def test_a_text_that_no_mistake_has_is_refused_before_any_test_runs(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["mutants.py", "--only=no such text"])
    assert mutants.main() == 2
    assert "no file and no loss contains 'no such text'" in capsys.readouterr().err


def test_a_mistake_that_cannot_be_planted_is_refused():
    found = MUTANTS[0]
    for changes, complaint in (
        ({"old": "no such text"}, "occurs 0 times"),
        ({"new": "=)"}, "not valid Python there"),
        ({"new": found.old}, "changes nothing"),
        ({"tests": ("test_mutants.py::test_nothing",)}, "there is no test"),
    ):
        with pytest.raises(ValueError, match=complaint):
            mutants.Mutant(**{**vars(found), **changes}).check()
