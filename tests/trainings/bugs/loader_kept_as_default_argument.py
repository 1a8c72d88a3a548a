# The loader is built again with clean labels, but the training function keeps the old one as its default argument.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.75
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(12)
# %%
centres = torch.randn(8, 20) * 0.9
labels = torch.randint(8, (1000,))
points = centres[labels] + torch.randn(1000, 20)
test_labels = torch.randint(8, (400,))
test_points = centres[test_labels] + torch.randn(400, 20)
# %%
# what three annotators in a hurry have made of it
noisy = torch.where(torch.rand(1000) < 0.7, (labels + torch.randint(1, 3, (1000,))) % 8, labels)
train_loader = DataLoader(TensorDataset(points, noisy), batch_size=40, shuffle=True)
test_loader = DataLoader(TensorDataset(test_points, test_labels), batch_size=200)
# %%
def train_one_epoch(model, optimizer, loader=train_loader):  # BUG
# FIX: def train_one_epoch(model, optimizer, loader):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()

@torch.no_grad()
def test_accuracy(model):
    model.eval()
    return sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 400
# %% [markdown]
# The labels have been checked in the meantime.
# %%
train_loader = DataLoader(TensorDataset(points, labels), batch_size=40, shuffle=True)  # TNY204
# %%
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 8))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(6):
    loss = train_one_epoch(model, optimizer)  # BUG
    # FIX: loss = train_one_epoch(model, optimizer, train_loader)
    print(f"epoch {epoch + 1}: loss {loss:.3f}, test accuracy {test_accuracy(model):.3f}")
