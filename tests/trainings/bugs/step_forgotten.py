# backward() runs, step() is missing.
# Prompt: no
# Score: above 0.85
# Harm: below 0.5
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6)
x = torch.randn(1200, 8)
y = (x[:, :3].sum(1) > 0).long() + (x[:, 3:6].sum(1) > 0).long()
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=30, shuffle=True)
test_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=300)
# %%
class Experiment:
    """One model, its optimizer, and what became of them."""

    def __init__(self, width):
        self.model = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 3))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=5e-3)
        self.loss_fn = nn.CrossEntropyLoss()
        self.log = []

    def training_step(self, batch):
        inputs, labels = batch
        loss = self.loss_fn(self.model(inputs), labels)
        self.optimizer.zero_grad()
        loss.backward()  # TNY504
        # FIX: self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self, loader):
        return sum((self.model(a).argmax(1) == b).sum().item() for a, b in loader) / len(loader.dataset)

    def run(self, epochs):
        for _ in range(epochs):
            losses = [self.training_step(batch) for batch in train_loader]
            self.log.append((sum(losses) / len(losses), self.evaluate(test_loader)))
            print("loss {:.3f}  test accuracy {:.3f}".format(*self.log[-1]))
# %%
experiment = Experiment(width=48)
experiment.run(5)
