"""Learning curves beside those to be expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt

History = dict[str, list[float]]
Band = dict[int, tuple[float, float]]

# Test accuracy in % on TinyImageNet by epoch: 50 epochs, batches of 64, Adam with a learning rate of 3e-4.
_PLAIN: Band = {1: (1, 2), 10: (8, 12), 30: (25, 30), 50: (35, 40)}
_DEEP: Band = {1: (1, 2), 10: (10, 15), 30: (30, 35), 50: (45, 50)}
BANDS = {
    "baseline": _PLAIN,
    "residual": _DEEP,
    "deeper_wider": _DEEP,
    "se_attention": _PLAIN,
}
NAMES = {
    "baseline": "Baseline",
    "residual": "Residual",
    "deeper_wider": "Deeper/Wider",
    "se_attention": "SE Attention",
}


def plot_curves(histories: Mapping[str, History], num_classes: int, *, note: str = "") -> Any:
    """Test accuracy of each model by epoch, its expected band and chance; the figure is shown by the notebook."""
    figure, axes = plt.subplots(1, len(histories), figsize=(3.2 * len(histories), 3.2), sharey=True, squeeze=False)
    for axis, (name, history) in zip(axes[0], histories.items(), strict=True):
        accuracies = history["test_acc"]
        band = BANDS.get(name, {})
        epochs = list(band)
        axis.fill_between(
            epochs,
            [low for low, _ in band.values()],
            [high for _, high in band.values()],
            alpha=0.2,
            label="expected on TinyImageNet",
        )
        axis.plot(range(1, len(accuracies) + 1), accuracies, marker="o", markersize=3, label="test accuracy")
        axis.axhline(100 / num_classes, color="grey", linestyle=":", label="chance")
        axis.set_title(NAMES.get(name, name))
        axis.set_xlabel("epoch")
        axis.set_xlim(0.5, max(len(accuracies), 1) + 0.5)
    highest = max(value for history in histories.values() for value in history["test_acc"])
    axes[0][0].set_ylim(0, 1.25 * max(highest, 2))
    axes[0][0].set_ylabel("%")
    figure.suptitle(note, fontsize="small")
    figure.legend(*axes[0][0].get_legend_handles_labels(), fontsize="x-small", loc="lower center", ncols=3)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    plt.close(figure)
    return figure


def table(histories: Mapping[str, History], parameters: Mapping[str, int], num_classes: int) -> str:
    """The comparison as lines of text, the best model first."""
    chance = 100 / num_classes
    lines = [f"{'model':<14}{'parameters':>12}{'best':>9}{'final':>9}{'final / chance':>16}"]
    for name in sorted(histories, key=lambda name: -max(histories[name]["test_acc"])):
        accuracies = histories[name]["test_acc"]
        best, final = max(accuracies), accuracies[-1]
        lines.append(f"{name:<14}{parameters[name]:>12,}{best:>7.2f} %{final:>7.2f} %{final / chance:>14.1f} x")
    return "\n".join(lines)
