# Training is interrupted, saved, and goes on from the file with a new model, optimizer and scheduler.
# Score: above 0.85
# %%
import os
import tempfile

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(32)
centres = torch.randn(6, 18) * 0.8
def draw(n):
    y = torch.randint(6, (n,))
    return TensorDataset(centres[y] + 0.8 * torch.randn(n, 18), y)

train_loader = DataLoader(draw(1000), batch_size=40, shuffle=True)
test_loader = DataLoader(draw(300), batch_size=100)
checkpoint_path = os.path.join(tempfile.mkdtemp(), "checkpoint.pt")
# %%
def build():
    model = nn.Sequential(nn.Linear(18, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 6))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return model, optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)

def train_epoch(model, optimizer):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()

@torch.no_grad()
def test(model):
    model.eval()
    return sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 300
# %%
model, optimizer, scheduler = build()
for epoch in range(3):
    loss = train_epoch(model, optimizer)
    scheduler.step()
    print(f"epoch {epoch + 1}: loss {loss:.3f}, test accuracy {test(model):.3f}")
state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
torch.save({**state, "epoch": epoch + 1}, checkpoint_path)
# %% [markdown]
# ... the next morning
# %%
model, optimizer, scheduler = build()
checkpoint = torch.load(checkpoint_path)
model.load_state_dict(checkpoint["model"])
optimizer.load_state_dict(checkpoint["optimizer"])
scheduler.load_state_dict(checkpoint["scheduler"])
for epoch in range(checkpoint["epoch"], 6):
    loss = train_epoch(model, optimizer)
    scheduler.step()
    print(f"epoch {epoch + 1}: loss {loss:.3f}, test accuracy {test(model):.3f}")
