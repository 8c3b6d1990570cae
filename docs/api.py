"""Build the pages of the Python API from the docstrings: python docs/api.py [FOLDER].

pip install -e '.[dev]' installs its packages.
"""

import argparse
import warnings
from pathlib import Path

import pdoc

import seqgan_gp

PUBLIC = ("pretrained", "images", "probing", "evaluation", "metrics", "adversarial", "models", "text", "config")

parser = argparse.ArgumentParser(description="Build the pages of the Python API from the docstrings.")
parser.add_argument("folder", nargs="?", type=Path, default="site", help="where to write (default: %(default)s)")
folder = parser.parse_args().folder

for name in seqgan_gp.__all__:  # they are imported late, and pdoc sees only those that have been
    setattr(seqgan_gp, name, getattr(seqgan_gp, name))
warnings.filterwarnings("ignore", "Error parsing type annotation")  # types that are imported for checkers alone
pdoc.render.configure(docformat="google", search=True)
pdoc.pdoc("seqgan_gp", *(f"seqgan_gp.{room}" for room in PUBLIC), output_directory=folder)
print(f"the pages begin at {folder / 'seqgan_gp.html'}")
