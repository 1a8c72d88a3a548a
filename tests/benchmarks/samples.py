"""Notebooks to measure on: those of a folder, or generated ones that train as real notebooks do."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

SETUP = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
torch.manual_seed(0)
device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')"""

# One training as people write it; repeated to any length. Every name is bound anew in each repetition.
TRAINING = (
    """\
transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
train_set = datasets.CIFAR10('data', train=True, download=True, transform=transform)
test_set = datasets.CIFAR10('data', train=False, transform=transform)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(test_set, batch_size=64)""",
    """\
class Net(nn.Module):
    def __init__(self, width=32, classes=10):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(width * 16 * 16, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.head(self.drop(torch.flatten(x, 1)))""",
    """\
model = Net().to(device)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=3e-4, weight_decay=1e-6)
num_epochs = 50""",
    """\
def evaluate(model, loader):
    model.eval()
    correct, seen = 0, 0
    with torch.no_grad():
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            correct += (model(images).argmax(1) == labels).sum().item()
            seen += len(labels)
    return correct / seen""",
    """\
history = []
for epoch in range(num_epochs):
    model.train()
    running_loss = 0.0
    for images, labels in train_loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    history.append((running_loss / len(train_loader), evaluate(model, test_loader)))
    print(f'epoch {epoch + 1}: loss {history[-1][0]:.3f}, test accuracy {history[-1][1]:.2%}')""",
)


def paths(folder: str) -> list[str]:
    """Every notebook below the folder, sorted, without checkpoints and hidden folders."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(root, name) for name in files if name.endswith(".ipynb")]
    return sorted(found)


def sources(notebook: dict[str, Any]) -> list[str]:
    """The code cells of a notebook of nbformat 3 or 4, as text."""
    cells = [*notebook.get("cells", ()), *(cell for sheet in notebook.get("worksheets", ()) for cell in sheet["cells"])]
    found = [cell.get("source", cell.get("input", "")) for cell in cells if cell.get("cell_type") == "code"]
    return [text if isinstance(text, str) else "".join(text) for text in found]


def notebook(cells: int, *, output_bytes: int = 0) -> str:
    """A healthy training notebook of so many code cells, executed from top to bottom; `output_bytes` a training."""
    repeated = [TRAINING[number % len(TRAINING)] for number in range(cells - 1)]
    return stored([SETUP, *repeated], output_bytes=output_bytes)


def stored(cells: Sequence[str], *, output_bytes: int = 0) -> str:
    """The notebook of these code cells, as a file."""
    built = [
        _cell(number, source, output_bytes if source is TRAINING[-1] else 0) for number, source in enumerate(cells, 1)
    ]
    metadata = {"language_info": {"name": "python"}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return json.dumps({"cells": built, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1)


@contextlib.contextmanager
def trivial() -> Iterator[str]:
    """The path of a notebook of one line, as long as the context lasts."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "one.ipynb")
        with open(path, "w", encoding="utf-8") as file:
            file.write(stored(["x = 1"]))
        yield path


def write(folder: str, count: int) -> None:
    """Fill the folder with generated notebooks of 6 to 36 cells, and outputs as heavy as those of real notebooks."""
    for number in range(count):
        with open(os.path.join(folder, f"generated_{number:03}.ipynb"), "w", encoding="utf-8") as file:
            file.write(notebook(6 + 5 * (number % 7), output_bytes=120_000))


def _cell(count: int, source: str, output_bytes: int) -> dict[str, Any]:
    outputs: list[dict[str, Any]] = []
    if output_bytes:
        text = [f"epoch {epoch}: loss {2.3 - 0.03 * epoch:.3f}, test accuracy {epoch}.00%\n" for epoch in range(1, 51)]
        picture = {"image/png": "iVBORw0KGgo" + "A" * output_bytes, "text/plain": ["<Figure size 640x480>"]}
        outputs = [
            {"output_type": "stream", "name": "stdout", "text": text},
            {"output_type": "display_data", "data": picture, "metadata": {}},
        ]
    return {
        "cell_type": "code",
        "id": f"cell-{count}",
        "metadata": {},
        "execution_count": count,
        "source": source.splitlines(keepends=True),
        "outputs": outputs,
    }
