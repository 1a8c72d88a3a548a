# The test loader was made from the training set: the accuracy measures memory.
# Prompt: no
# Score: below 0.75
# Harm: above 0.80
# Also: TNY704
# %%
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(18)
centres = 0.32 * torch.randn(4, 30)

def make(n):
    y = torch.randint(4, (n,))
    return TensorDataset(centres[y] + torch.randn(n, 30), y)

train_set = make(400)
test_set = make(400)
# %%
train_loader = DataLoader(train_set, batch_size=20, shuffle=True)
test_loader = DataLoader(train_set, batch_size=100)  # BUG  # TNY202
# FIX: test_loader = DataLoader(test_set, batch_size=100)
# %%
model = nn.Sequential(nn.Linear(30, 128), nn.ReLU(), nn.Linear(128, 4))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for epoch in range(8):
    model.train()
    for x, y in train_loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        correct = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {correct / 400:.3f}")
