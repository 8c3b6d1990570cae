"""A file of trials for the tests of studies."""

from pathlib import Path

import yaml


def write(path: Path, **changes) -> Path:
    """A file of three short trials."""
    asked = {
        "question": "Which?",
        "seconds": 5,
        "table": ["unique", "jsd_4"],
        "keys": {"train": {"log_every": 3}},
        "trials": {name: {"expect": f"{name} wins"} for name in ("one", "two", "three")},
    }
    path.write_text(yaml.safe_dump({**asked, **changes}, sort_keys=False))
    return path
