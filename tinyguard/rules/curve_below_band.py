"""TNY705: the accuracy is below what is expected of this training."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.bands import Band, BandPoint, Verdict, verdict
from tinyguard.curves import EVALUATION, decision, evaluated_samples, percent, reporting_cells
from tinyguard.evaluations import scores_of_classes, training_decision
from tinyguard.events import Event, MetricReported
from tinyguard.finding import Finding, Place, Severity
from tinyguard.measured.evaluation import BandExpected, EvaluationMeasured
from tinyguard.rule import Rule
from tinyguard.story import Story

# In a notebook `%tinyguard expect residual` chooses the band, which stands above these cells.
_TRAINING = """
# %%
import torch
from torch import nn
from torchvision import datasets, transforms
test_data = datasets.FakeData(2000, (1, 4, 4), num_classes=200, transform=transforms.ToTensor())
test_loader = torch.utils.data.DataLoader(test_data, batch_size=500)
model = nn.Sequential(nn.Flatten(), nn.Linear(16, 200))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""


class CurveBelowBand(Rule):
    """The test accuracy of an epoch is surely below the band that was chosen for this training.

    A band is the range of a healthy run, epoch by epoch: `%tinyguard expect NAME` chooses one of the shipped table or
    of your own. Below it a run is slower than it has any reason to be: a learning rate that is too low, the wrong batch
    size, missing augmentation or normalisation, a part of the model that is not trained. A symptom; the causes that
    were proven are named with it.

    "Surely": a model at the lower edge would get there with a probability of 1 in 1000 at most, over as many samples
    as the test set has. Between two points of the band its lower one counts. Without a chosen band nothing is said.
    """

    code = "TNY705"
    severity = Severity.WARNING
    on = (MetricReported, EvaluationMeasured)
    serves = ("K1",)

    bad = (
        _TRAINING
        + """
# %% In[2]
for epoch in (1, 10):
    print(f"Epoch {epoch}: test acc 1%")  # TNY705 live
# Out: Epoch 1: test acc 30/2000
# Out: Epoch 10: test acc 71/2000
""",
    )
    good = (
        _TRAINING
        + """
# %% In[2]
for epoch in (1, 10):
    print(f"Epoch {epoch}: test acc 1%")
# Out: Epoch 1: test acc 30/2000
# Out: Epoch 10: test acc 211/2000
""",
        # between two points only the lower one counts
        _TRAINING
        + """
# %% In[2]
for epoch in (1, 5):
    print(f"Epoch {epoch}: test acc 1%")
# Out: Epoch 1: test acc 30/2000
# Out: Epoch 5: test acc 42/2000
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        chosen = story.last(BandExpected)
        if chosen is None:
            return
        band = Band(name=chosen.name, points=tuple(BandPoint(*point) for point in chosen.points))
        match event:
            case MetricReported(kind="accuracy", plain=True) if event.split in EVALUATION and event.epoch:
                cell = next((cell for cell in reporting_cells(story) if cell.place == event.place), None)
                samples = event.samples or (evaluated_samples(cell) if cell is not None else None)
                yield from self._judge(band, event.epoch, event.value, samples, decision(story, event.place))
            case EvaluationMeasured() if event.samples.split in EVALUATION and event.epochs:
                if scores_of_classes(event, story):
                    place = training_decision(event, story)
                    yield from self._judge(band, event.epochs, event.accuracy, event.count, place)

    def _judge(self, band: Band, epoch: int, accuracy: float, samples: int | None, place: Place) -> Iterator[Finding]:
        if verdict(band, epoch, accuracy, samples) is not Verdict.BELOW:
            return
        around = sorted(band.points, key=lambda point: abs(point.epoch - epoch))[0]
        yield self.finding(
            f"the accuracy in epoch {epoch} is {percent(accuracy)} of {samples or 0:,} samples, below the band of "
            f"{band.name}: {percent(around.low)} to {percent(around.high)} in epoch {around.epoch}",
            place,
            remedy="mend the proven causes first; then compare learning rate, batch size and augmentation with those "
            "of the run that the band is of",
            epoch=epoch,
            accuracy=accuracy,
            samples=samples,
            band=band.name,
        )
