# The cell of the model is repeated with a wider network; the optimizer still holds the first one.
# Prompt: yes
# Score: above 0.85
# Harm: below 0.45
# %%
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(7)
# %%
# five clouds in twenty dimensions
centres = 1.2 * torch.randn(5, 20)
targets = torch.arange(5).repeat(240)
points = centres[targets] + torch.randn(1200, 20)
train_set, test_set = random_split(TensorDataset(points, targets), [900, 300])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
test_loader = DataLoader(test_set, batch_size=150)
# %%
def build(hidden):
    return nn.Sequential(nn.Linear(20, hidden), nn.ReLU(), nn.Dropout(0.1), nn.Linear(hidden, 5))

model = build(hidden=8)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
print(sum(p.numel() for p in model.parameters()), "parameters")
# %% [markdown]
# Eight hidden units are few. Let us take more.
# %%
model = build(hidden=64)  # TNY501
# FIX: optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
print(sum(p.numel() for p in model.parameters()), "parameters")
# %%
for epoch in range(5):
    model.train()
    losses = []
    for inputs, labels in train_loader:
        loss = F.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        hits = sum((model(inputs).argmax(1) == labels).sum().item() for inputs, labels in test_loader)
    print(f"epoch {epoch + 1}  train loss {sum(losses) / len(losses):.4f}  test accuracy {hits / len(test_set):.3f}")
