"""Scores of any system's samples beside real text. A module of the user's own adds families of scores:

    from seqgan_gp.evaluation import FAMILIES, Family, Metric

    FAMILIES["mine"] = Family(Mine, {"my_score": Metric("Group", "its meaning, with unit or range", "higher")})

`docs/evaluation.md` has a whole example. Nothing here imports torch or scikit-learn before a family needs it.
"""

from ..metrics.metric import Metric
from .families import FAMILIES, Family

__all__ = ["FAMILIES", "Family", "Metric"]
