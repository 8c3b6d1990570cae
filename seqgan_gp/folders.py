"""Choose the files of a folder that are read, and say which of them went where."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from .errors import UserError
from .sources import Kind, note

# The words, their order and what may stand beside them are those of the library `datasets`.
WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
BESIDE = "[-._ 0-9]"
SHARD = re.compile(r"data/([^/]*)-\d{5}-of-\d{5}[^/]*\..*")
NOT_DATA = ("README.md", "config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json")
SHOWN = 4  # names of files in a line, before their number takes their place

Role: TypeAlias = Literal["both", "train", "test"]


@dataclass
class Choice:
    """The files of a folder by their split, and why the others are left out.

    Args:
        folder: the folder.
        splits: the files of each split, train among them.
        left_out: a reason for the name of each file that is not read.
        by_name: whether names say which file belongs to which split.
    """

    folder: Path
    splits: dict[str, list[Path]]
    left_out: dict[str, str] = field(default_factory=dict)
    by_name: bool = True

    @property
    def files(self) -> list[Path]:
        """The files that are read."""
        return [file for files in self.splits.values() for file in files]

    def leave_out(self, file: Path, reason: str) -> None:
        """Take a file out of its split."""
        for files in self.splits.values():
            if file in files:
                files.remove(file)
        self.left_out[file.relative_to(self.folder).as_posix()] = reason

    def say(self, kind: Kind) -> None:
        """Say in one line on stderr which file went where, and which is left out for which reason."""
        words = {"train": "training", "test": "held-out"}
        read = [
            f"{words.get(split, split)} {kind.rows} from {self._names(files)}"
            for split, files in self.splits.items()
            if files
        ]
        why = "by their names" if self.by_name else "no name says train or test, in small letters"
        line = f"{self.folder}: {', '.join(read) or 'nothing is read'} ({why})"
        reasons: dict[str, list[str]] = {}
        for name, reason in self.left_out.items():
            reasons.setdefault(reason, []).append(name)
        if reasons:
            line += "; left out: " + ", ".join(f"{_some(names)} ({reason})" for reason, names in reasons.items())
        note(line)

    def _names(self, files: Iterable[Path]) -> str:
        return _some([file.relative_to(self.folder).as_posix() for file in files])


def choose(kind: Kind, folder: str, reads: Callable[[Path], bool], role: Role = "both") -> Choice:
    """Choose the files of a folder, to its bottom, and the split of each.

    A file belongs to the split that the nearest of its folders names, or else to the split that its own name says.
    Files without a split are those to train on where no file is named so.

    Args:
        reads: whether a file is of a kind that is read.
        role: which splits are needed: only train where held-out data come from elsewhere, or test, or else train, of
            a folder of held-out data.

    Raises:
        UserError: a name says two splits, or there are several splits and none to train on.
    """
    choice = Choice(Path(folder), {})
    named: dict[str, list[tuple[int, str, Path]]] = {}
    nameless = []
    for file in _walk(choice, Path(folder)):
        name = file.relative_to(folder).as_posix()
        if reason := _unfit(file, name, reads):
            choice.left_out[name] = reason
        elif found := _split_of(name, folder):
            named.setdefault(found[0], []).append((found[1], str(file), file))
        else:
            nameless.append(file)
    splits = {split: [file for _, _, file in sorted(named[split])] for split in WORDS if split in named}
    choice.by_name = bool(splits)
    if nameless and "train" not in splits:
        splits["train"], nameless = nameless, []
    for file in nameless:
        choice.left_out[file.relative_to(folder).as_posix()] = "no train or test in its name, as others have"
    if splits and "train" not in splits:
        if len(splits) > 1:
            raise UserError(f"{folder}: no split named train among {', '.join(splits)}; {kind.split_remedy}")
        splits = {"train": next(iter(splits.values()))}
    needed = {"both": ("train", "test"), "train": ("train",), "test": ("test" if "test" in splits else "train",)}[role]
    reasons = {"both": "validation sets are not used", "train": "held-out ones are given apart", "test": "not held-out"}
    for split, files in splits.items():
        if split not in needed:
            reason = reasons["both" if split == "validation" else role]
            choice.left_out |= {file.relative_to(folder).as_posix(): reason for file in files}
    choice.splits = {split: splits[split] for split in ("train", "test") if split in needed and split in splits}
    return choice


def _walk(choice: Choice, folder: Path) -> list[Path]:
    """List the files of a folder in the order of their whole paths; hidden folders and links to folders are named."""
    files = []

    def fail(error: OSError) -> None:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})")

    for place, folders, names in os.walk(folder, onerror=fail):
        for name in sorted(folders):
            path = Path(place) / name
            reason = "hidden" if _hidden(name) else "a link to a folder" if path.is_symlink() else None
            if reason:
                choice.left_out[f"{path.relative_to(folder).as_posix()}/"] = reason
                folders.remove(name)
        files += [Path(place) / name for name in names]
    return sorted(files, key=str)


def _hidden(name: str) -> bool:
    return name.startswith((".", "__"))


def _unfit(file: Path, name: str, reads: Callable[[Path], bool]) -> str | None:
    """The reason why a file is not read, if there is one."""
    if file.name.startswith("."):
        return "hidden"
    if not file.is_file():
        return "no file"
    if not reads(file):
        return "no kind that is read here"
    if file.name in NOT_DATA:
        return "it describes the data"
    return None if file.stat().st_size else "empty"


def _split_of(name: str, folder: str) -> tuple[str, int] | None:
    """Find the split that the name of a file in its folder says, and the rank of the file in the split."""
    if shard := SHARD.fullmatch(name):
        split = next((split for split, words in WORDS.items() if shard[1] in words), None)
        return (split, 0) if split else None
    *parents, file = name.split("/")
    for part in reversed(parents):
        if found := _said(
            part, rf"{{word}}$|{{word}}{BESIDE}|.*{BESIDE}{{word}}$|.*{BESIDE}{{word}}{BESIDE}", name, folder
        ):
            return found
    return _said(file, rf"{{word}}{BESIDE}|.*{BESIDE}{{word}}{BESIDE}", name, folder)


def _said(part: str, pattern: str, name: str, folder: str) -> tuple[str, int] | None:
    """Find the split that a part of a path says, and the place of its word and pattern in the library's order."""
    found: dict[str, int] = {}
    for split, words in WORDS.items():
        for number, (word, one) in enumerate((word, one) for word in words for one in pattern.split("|")):
            if word in part and split not in found and re.match(one.format(word=word), part):
                found[split] = number
    if len(found) > 1:
        raise UserError(f"{folder}: the name of {name} says {' and '.join(found)}: rename it, to say one split")
    return next(iter(found.items()), None)


def _some(names: list[str]) -> str:
    """The names, or the first of them and how many more there are."""
    if len(names) <= SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[: SHOWN - 1])} and {len(names) - SHOWN + 1:,} more"


def check_one_kind(kind: Kind, choice: Choice, kind_of: Callable[[Path], str], kinds: Iterable[str]) -> None:
    """Raise a UserError if the files of a folder are of no kind that is read, or of several."""
    found = Counter(map(kind_of, choice.files))
    if len(found) == 1:
        return
    some = f"several kinds ({', '.join(sorted(found))})" if found else f"none of {', '.join(kinds)}"
    empty = [name for name, reason in choice.left_out.items() if reason == "empty"]
    if empty and not found:
        some = f"none but empty ones ({_some(empty)})"
    raise UserError(
        f"{choice.folder}: a folder must hold files of one kind, and holds {some}; name one file or folder; "
        f"{kind.remedy}"
    )
