"""TNY303: an evaluation records gradients that nobody asks for."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, PassEnded
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import called_evaluation, held_out


class EvaluationWithGradients(Rule):
    """A pass over validation or test data records gradients that nobody uses.

    The results are right; the pass takes more memory and time than it needs, and whatever keeps one of its tensors
    keeps the whole graph. Put the loop under `torch.no_grad()` or `torch.inference_mode()`.
    """

    code = "TNY303"
    severity = Severity.NOTE
    on = (PassEnded,)
    suspicion = True

    bad = (
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
test_loader = DataLoader(TensorDataset(torch.rand(8, 4), torch.randint(3, (8,))), batch_size=4)
model = nn.Linear(4, 3)
# %%
model.eval()
correct = 0
for inputs, labels in test_loader:  # TNY303
    correct += (model(inputs).argmax(dim=1) == labels).sum().item()
""",
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Trainer:
    def __init__(self, model, valid_loader):
        self.model, self.valid_loader = model, valid_loader
        self.criterion = nn.CrossEntropyLoss()

    def validate(self):
        self.model.eval()
        losses = []
        for inputs, labels in self.valid_loader:  # TNY303
            losses.append(self.criterion(self.model(inputs), labels).item())
        return sum(losses) / len(losses)
# %%
valid_loader = DataLoader(TensorDataset(torch.rand(8, 4), torch.randint(3, (8,))), batch_size=4)
print(Trainer(nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3)), valid_loader).validate())
""",
        # Training data, in eval mode: only looked at.
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
train_loader = DataLoader(TensorDataset(torch.rand(8, 4), torch.randint(3, (8,))), batch_size=4, shuffle=True)
model = nn.Linear(4, 3)
model.eval()
correct = 0
for inputs, labels in train_loader:  # TNY303
    correct += (model(inputs).argmax(dim=1) == labels).sum().item()
""",
    )
    good = (
        bad[0].replace("for inputs", "torch.set_grad_enabled(False)\nfor inputs").replace("  # TNY303", ""),
        bad[1].replace("    def validate", "    @torch.no_grad()\n    def validate").replace("  # TNY303", ""),
        # Gradients are what this pass over the test data is for: an attack on the model.
        """
# %%
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
test_loader = DataLoader(TensorDataset(torch.rand(8, 4), torch.randint(3, (8,))), batch_size=1)
model = nn.Linear(4, 3)
model.eval()
# %%
correct = 0
for data, target in test_loader:
    data.requires_grad = True
    loss = F.nll_loss(F.log_softmax(model(data), dim=1), target)
    model.zero_grad()
    loss.backward()
    attacked = torch.clamp(data + 0.1 * data.grad.sign(), 0, 1)
    with torch.no_grad():
        correct += (model(attacked).argmax(dim=1) == target).sum().item()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, PassEnded) or event.backward or event.stepped:
            return
        recording = [use for use in event.models if use.grad and use.parameters.leaves]
        evaluation = held_out(event.samples) or called_evaluation(event.loader, story)
        in_eval_mode = all(use.training is False for use in event.models)
        if recording and (in_eval_mode or (event.measured and evaluation)):
            split = event.samples.split
            name = story.name(recording[0].model, "model")
            yield self.finding(
                f"this pass over {f'{split} data' if split else 'data'} records gradients of `{name}` that nobody uses",
                event.place,
                remedy="put the loop under `with torch.no_grad():`",
                related=(("the evaluation was asked for here", event.decision if event.via else None),),
                model=name,
            )
