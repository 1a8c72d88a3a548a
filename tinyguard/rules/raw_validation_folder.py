"""TNY207: TinyImageNet's val folder is read as if it had a folder for each class."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.datasets import DataSet, data_set_at
from tinyguard.events import DatasetBuilt, Event, MetricReported, RunEnded
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story

FOLDERS = frozenset({"ImageFolder", "DatasetFolder"})
LEARNT = (
    3.0  # times chance; an evaluation accuracy above it shows that the labels are right (0.5 % wanders up to 1.04 %)
)

_ARCHIVE = """
# %%
import os
import tempfile

import torch
from PIL import Image
from torch import nn
from torchvision import datasets, transforms

torch.manual_seed(0)
os.chdir(tempfile.mkdtemp())

def save(*path):
    os.makedirs(os.path.join(*path[:-1]), exist_ok=True)
    Image.new("RGB", (8, 8)).save(os.path.join(*path))

for word in ("n01443537", "n01629819"):
    for number in range(4):
        save("tiny-imagenet-200", "train", word, "images", f"{word}_{number}.JPEG")
for number in range(4):
    save("tiny-imagenet-200", "val", "images", f"val_{number}.JPEG")
"""

_EVALUATION = """
# %%
model = nn.Sequential(nn.Flatten(), nn.Linear(192, 200))
hits = 0
with torch.no_grad():
    for images, labels in val_loader:
        hits += (model(images).argmax(1) == labels).sum().item()
print(hits / len(val_set))
"""


class RawValidationFolder(Rule):
    """TinyImageNet's `val/` is read with `ImageFolder` as it was unpacked: every label becomes 0.

    All its pictures lie in one folder, `val/images`, and the labels in `val_annotations.txt`. `ImageFolder` takes
    `images` for the only class. The model learns, its accuracy on these labels stays at chance, 0.5 %, for ever.
    Proven, and an error, when a recorded accuracy is at chance; else somebody may have sorted the pictures before.
    """

    code = "TNY207"
    severity = Severity.ERROR
    on = (RunEnded,)
    serves = ("I4", "D1")
    bad = (
        _ARCHIVE
        + """
# %%
val_set = datasets.ImageFolder("tiny-imagenet-200/val", transforms.ToTensor())  # TNY207
val_loader = torch.utils.data.DataLoader(val_set, batch_size=4)
"""
        + _EVALUATION,
        # one line for all splits, the folder in a name
        _ARCHIVE
        + """
# %%
data_dir = "tiny-imagenet-200"

def load(split):
    return datasets.ImageFolder(os.path.join(data_dir, split), transforms.ToTensor())  # TNY207

# %%
train_set, val_set = load("train"), load("val")
val_loader = torch.utils.data.DataLoader(val_set, batch_size=4)
"""
        + _EVALUATION,
    )
    good = (
        # the pictures are moved into a folder for each class
        _ARCHIVE
        + """
# %%
for number in range(4):
    word = ("n01443537", "n01629819")[number % 2]
    os.makedirs(f"tiny-imagenet-200/val/{word}", exist_ok=True)
    os.rename(f"tiny-imagenet-200/val/images/val_{number}.JPEG", f"tiny-imagenet-200/val/{word}/val_{number}.JPEG")
os.rmdir("tiny-imagenet-200/val/images")
# %%
val_set = datasets.ImageFolder("tiny-imagenet-200/val", transforms.ToTensor())
val_loader = torch.utils.data.DataLoader(val_set, batch_size=4)
"""
        + _EVALUATION,
        # a class of one's own reads val_annotations.txt
        _ARCHIVE
        + """
# %%
with open("tiny-imagenet-200/val/val_annotations.txt", "w") as annotations:
    for number in range(4):
        annotations.write(f"val_{number}.JPEG\\tn01443537\\t0\\t0\\t7\\t7\\n")

class Validation(torch.utils.data.Dataset):
    def __init__(self, folder, transform):
        self.folder, self.transform = folder, transform
        with open(os.path.join(folder, "val_annotations.txt")) as annotations:
            self.rows = [line.split("\\t")[:2] for line in annotations]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        name, word = self.rows[index]
        picture = Image.open(os.path.join(self.folder, "images", name)).convert("RGB")
        return self.transform(picture), ("n01443537", "n01629819").index(word)

# %%
val_set = Validation("tiny-imagenet-200/val", transforms.ToTensor())
val_loader = torch.utils.data.DataLoader(val_set, batch_size=4)
"""
        + _EVALUATION,
        # the training folder is fine as it is
        _ARCHIVE
        + """
# %%
train_set = datasets.ImageFolder("tiny-imagenet-200/train", transforms.ToTensor())
print(train_set.classes)
""",
        # somebody has sorted the pictures: a recorded accuracy is far above chance
        _ARCHIVE
        + """
# %%
val_set = datasets.ImageFolder("tiny-imagenet-200/val", transforms.ToTensor())
# %% In[3]
print("Best Validation Accuracy: 0.10719999670982361, Epoch: 10")
# Out: Best Validation Accuracy: 0.10719999670982361, Epoch: 10
""",
        # val folders of other data sets have their classes
        _ARCHIVE
        + """
# %%
save("hymenoptera_data", "val", "ants", "1.png")
save("hymenoptera_data", "val", "bees", "1.png")
val_set = datasets.ImageFolder("hymenoptera_data/val", transforms.ToTensor())
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, RunEnded):
            return
        told: set[str] = set()
        for built in story.all(DatasetBuilt):
            samples = built.samples
            known = data_set_at(samples.root)
            if known is None or samples.root is None or samples.kind not in FOLDERS or samples.rearranged:
                continue
            folder = samples.root.replace("\\", "/").rstrip("/")
            if not folder.endswith("/val") or folder in told or built.facts:
                continue
            at_chance = _at_chance(known, story)
            if samples.classes not in (None, 1, known.classes) or at_chance is False:
                continue
            told.add(folder)
            proven = at_chance or samples.classes == 1
            unless = "" if proven else ", unless its pictures have been sorted into class folders before"
            yield self.finding(
                f"`{samples.kind}` on `{samples.root}` takes its one folder `images` for the only class{unless}",
                built.place,
                remedy="sort the pictures into class folders by `val_annotations.txt`, or read the labels from it",
                cause=f"every label is 0, so accuracy stays at chance, {1 / known.classes:.1%}, whatever is learnt",
                related=(("it was asked for here", built.via[0] if built.via else None),),
                severity=Severity.ERROR if proven else Severity.WARNING,
                root=samples.root,
                accuracy_at_chance=at_chance,
            )


def _at_chance(known: DataSet, story: Story) -> bool | None:
    """Whether the best recorded accuracy on held-out data is no better than chance; None when none is recorded.

    When it is better, somebody has sorted the pictures before.
    """
    recorded = [
        metric.value
        for metric in story.all(MetricReported)
        if metric.kind == "accuracy" and metric.split in ("validation", "test")
    ]
    return max(recorded) * known.classes <= LEARNT if recorded else None
