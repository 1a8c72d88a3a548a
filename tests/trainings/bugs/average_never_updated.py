# The averaged model (EMA) is copied at the start, evaluated at the end, and never updated in between.
# Prompt: no
# Score: above 0.80
# Harm: below 0.5
# %%
import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(54)
centres = torch.randn(5, 12)
y = torch.randint(5, (1200,))
x = centres[y] + 0.7 * torch.randn(1200, 12)
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=30, shuffle=True)
test_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=300)
# %%
class EMA:
    """Keeps a running average of a model's weights."""

    def __init__(self, model, decay=0.95):
        self.shadow = copy.deepcopy(model).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for mine, theirs in zip(self.shadow.parameters(), model.parameters()):
            mine.lerp_(theirs, 1 - self.decay)
# %%
model = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 5))
ema = EMA(model)  # TNY803
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()

def evaluate(network):
    with torch.no_grad():
        inputs, labels = next(iter(test_loader))
        return (network(inputs).argmax(1) == labels).float().mean().item()  # TNY803

for epoch in range(4):
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        # FIX: ema.update(model)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}")
# %%
print("test accuracy of the average:", round(evaluate(ema.shadow), 3))  # TNY803
