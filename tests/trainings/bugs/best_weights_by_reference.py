# The best weights are kept as state_dict(), which goes on changing with the model: restored are the last ones.
# Prompt: no
# Score: below 0.75
# Harm: above 0.8
# Also: TNY704
# %%
import copy

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(53)

def task(n):
    x = torch.randn(n, 24)
    y = (x[:, 0] + x[:, 1] * x[:, 2] + 1.2 * torch.randn(n) > 0).long()
    return TensorDataset(x, y)

train_loader = DataLoader(task(200), batch_size=25, shuffle=True)
val_loader = DataLoader(task(400), batch_size=200)
test_loader = DataLoader(task(400), batch_size=200)
# %%
model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()

@torch.no_grad()
def measure(loader):
    model.eval()
    loss = sum(criterion(model(x), y).item() for x, y in loader) / len(loader)
    accuracy = sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)
    return loss, accuracy
# %%
best_loss, best_weights = float("inf"), None
for epoch in range(8):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    val_loss, val_accuracy = measure(val_loader)
    if val_loss < best_loss:
        best_loss = val_loss
        best_weights = model.state_dict()  # BUG  # TNY801
        # FIX: best_weights = copy.deepcopy(model.state_dict())
    print(f"epoch {epoch + 1}: train loss {loss.item():.3f}, val loss {val_loss:.3f}, val accuracy {val_accuracy:.3f}")
# %%
model.load_state_dict(best_weights)  # TNY801
print("test accuracy of the best epoch: {1:.3f}, its loss: {0:.3f}".format(*measure(test_loader)))
