# Cosine annealing with restarts: the rate falls to zero and jumps back, three times; snapshots vote in the end.
# Score: above 0.85
# %%
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(27)
centres = torch.randn(8, 20) * 0.8
y = torch.randint(8, (1300,))
x = centres[y] + 0.8 * torch.randn(1300, 20)
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=50, shuffle=True)
x_test, y_test = x[1000:], y[1000:]
# %%
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 8))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=2 * len(train_loader), eta_min=0.0)
snapshots = []
for epoch in range(6):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        scheduler.step()
    if epoch % 2 == 1:
        snapshots.append(copy.deepcopy(model).eval())
    with torch.no_grad():
        accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {accuracy:.3f}")
# %%
with torch.no_grad():
    votes = sum(snapshot(x_test).softmax(1) for snapshot in snapshots)
print("three snapshots together:", (votes.argmax(1) == y_test).float().mean().item())
