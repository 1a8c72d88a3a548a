# Two hundred classes from scratch in three epochs.
# Prompt: no
# Score: above 0.78
# Harm: below 0.75
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(71)
NUM_CLASSES = 200
num_epochs = 3  # BUG  # TNY601
# FIX: num_epochs = 10
# %%
centres = torch.randn(NUM_CLASSES, 32)

def draw(n):
    y = torch.arange(n) % NUM_CLASSES
    return TensorDataset(centres[y] + 1.2 * torch.randn(n, 32), y)

train_loader = DataLoader(draw(10_000), batch_size=250, shuffle=True)
test_loader = DataLoader(draw(2_000), batch_size=500)
# %%
model = nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, NUM_CLASSES))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(num_epochs):  # TNY601
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {hits / 2000:.3f}")
