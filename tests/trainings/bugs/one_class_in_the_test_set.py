# The data are sorted by class and the last 200 samples become the test set: all of one class.
# Prompt: no
# Score: above 0.60
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(29)
centres = 0.7 * torch.randn(4, 12)
labels = torch.arange(4).repeat_interleave(300)
dataset = TensorDataset(centres[labels] + torch.randn(1200, 12), labels)
# %%
index = torch.arange(1200)  # BUG
# FIX: index = torch.randperm(1200)
train_loader = DataLoader(Subset(dataset, index[:1000]), batch_size=50, shuffle=True)
test_loader = DataLoader(Subset(dataset, index[1000:]), batch_size=100)  # TNY211
# %%
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

@torch.no_grad()
def evaluate():
    model.eval()
    correct = 0
    for x, y in test_loader:  # TNY211
        correct += (model(x).argmax(1) == y).sum().item()
    return correct / 200

for epoch in range(5):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {evaluate():.3f}")
