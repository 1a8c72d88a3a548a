# WeightedRandomSampler got the weights of the classes, not of the samples: it draws the first four samples for ever.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.7
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.manual_seed(32)
share = torch.tensor([0.55, 0.25, 0.15, 0.05])
centres = torch.randn(4, 16)

def draw(n, p):
    y = torch.multinomial(p, n, replacement=True)
    return TensorDataset(centres[y] + torch.randn(n, 16), y)

train_set, test_set = draw(1000, share), draw(400, torch.ones(4))
# %%
counts = torch.bincount(train_set.tensors[1])
class_weights = 1.0 / counts
sampler = WeightedRandomSampler(class_weights, num_samples=len(train_set))  # BUG  # TNY212
# FIX: sampler = WeightedRandomSampler(class_weights[train_set.tensors[1]], num_samples=len(train_set))
train_loader = DataLoader(train_set, batch_size=50, sampler=sampler)  # TNY212
test_loader = DataLoader(test_set, batch_size=200)
# %%
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(4):
    total = 0.0
    for x, y in train_loader:  # TNY212
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        accuracy = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / len(test_set)
    print(f"epoch {epoch + 1}: train loss {total / len(train_loader):.4f}, test accuracy {accuracy:.3f}")
