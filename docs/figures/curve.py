"""Draw curve.png: samples of the default run against real text, while it trains.

accelerate launch run.py --train.threads 1 --seed 2 --output runs/curve && python docs/figures/curve.py runs/curve
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt

PANELS = {
    "grammatical": "fraction of samples that are grammatical",
    "self_bleu_4": "self-BLEU-4, low is diverse",
    "jsd_2": "divergence of 2-grams (bits), low is close",
}


def main(run: Path) -> None:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    revised, reranked = (
        next(row["step"] for row in rows if key in row) for key in ("train/reviser_lr", "train/discriminator_loss")
    )
    figure, axes = plt.subplots(1, len(PANELS), figsize=(11, 2.7), layout="constrained")
    for panel, (key, title) in zip(axes, PANELS.items(), strict=True):
        points = [(row["step"], row[f"eval/{key}"]) for row in rows if f"eval/{key}" in row]
        panel.plot(*zip(*points, strict=True), marker=".", label="samples")
        panel.axhline(rows[0][f"real/{key}"], linestyle=":", color="black", label="real text")
        panel.axvspan(revised, reranked, alpha=0.08, color="green", label="the reviser learns")
        panel.axvspan(reranked, points[-1][0], alpha=0.12, label="the reranker learns")
        panel.set(title=title, xlabel="step", ylim=(0, None), xticks=range(0, points[-1][0] + 1, 4000))
        panel.title.set_fontsize("medium")
    axes[0].legend(fontsize="small")
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
