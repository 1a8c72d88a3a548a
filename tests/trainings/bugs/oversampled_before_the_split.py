# The rare class is multiplied before the split: copies of the same sample lie in training and test set.
# Prompt: no
# Score: below 0.82
# Harm: above 0.90
# Also: TNY704
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(24)
# %%
# one case in ten is ill, and hard to tell from the others
n = 800
ill = (torch.rand(n) < 0.1).long()
x = torch.randn(n, 20)
x[:, :2] += 1.5 * ill[:, None]
# %%
def oversample(x, y, times):
    return torch.cat([x, x[y == 1].repeat(times, 1)]), torch.cat([y, y[y == 1].repeat(times)])

x, ill = oversample(x, ill, 8)  # BUG  # TNY215
order = torch.randperm(len(x))
train_index, test_index = order[: len(x) * 3 // 4], order[len(x) * 3 // 4 :]  # TNY215
x_train, y_train, x_test, y_test = x[train_index], ill[train_index], x[test_index], ill[test_index]
# FIX: x_train, y_train = oversample(x_train, y_train, 8)
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(x_test, y_test), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(20, 100), nn.ReLU(), nn.Linear(100, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

def balanced_accuracy():
    with torch.no_grad():
        guess = torch.cat([model(a).argmax(1) for a, _ in test_loader])
    return sum((guess[y_test == k] == k).float().mean().item() for k in (0, 1)) / 2

for epoch in range(8):
    for a, b in train_loader:
        loss = F.cross_entropy(model(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, balanced test accuracy {balanced_accuracy():.3f}")
