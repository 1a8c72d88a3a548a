# Phase two unfreezes the backbone, but the optimizer of phase one knows only what was trainable then.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.75
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import Adam
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
# %%
def rings(n, generator):
    """Four rings in the plane, wrapped into ten dimensions."""
    label = torch.randint(4, (n,), generator=generator)
    angle = 6.2832 * torch.rand(n, generator=generator)
    radius = 0.5 + label + 0.15 * torch.randn(n, generator=generator)
    plane = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1) / 2
    noise = 0.3 * torch.randn(n, 8, generator=generator)
    return TensorDataset(torch.cat([plane, noise], dim=1), label)

g = torch.Generator().manual_seed(4)
train_data, test_data = rings(1200, g), rings(400, g)
train_loader = DataLoader(train_data, batch_size=40, shuffle=True)
test_loader = DataLoader(test_data, batch_size=200)
# %%
class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 16), nn.ReLU())
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.backbone(x))

model = Classifier()

def fit(epochs):
    for epoch in range(epochs):
        total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
        print(f"loss {total / len(train_loader):.3f}  test {right / len(test_data):.3f}")
# %%
# warm up the head first
for p in model.backbone.parameters():
    p.requires_grad = False
optimizer = Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-2)
fit(2)
# %%
# now everything
for p in model.backbone.parameters():
    p.requires_grad = True  # TNY509
# FIX: optimizer = Adam(model.parameters(), lr=1e-2)
fit(6)  # TNY509
