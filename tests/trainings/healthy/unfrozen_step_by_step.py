# Gradual unfreezing: each stage thaws one more layer and adds its parameters to the optimizer.
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(54)
centres = torch.randn(5, 16)

def domain(n, shift):
    y = torch.randint(5, (n,))
    return TensorDataset(centres[y] + shift + 0.8 * torch.randn(n, 16), y)

model = nn.Sequential(
    nn.Sequential(nn.Linear(16, 48), nn.ReLU()), nn.Sequential(nn.Linear(48, 32), nn.ReLU()), nn.Linear(32, 5)
)

def train_epoch(loader, optimizer):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()

@torch.no_grad()
def accuracy(loader):
    model.eval()
    return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)
# %% [markdown]
# Pretraining elsewhere
# %%
source_loader = DataLoader(domain(600, 0.0), batch_size=30, shuffle=True)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(3):
    print("source loss", train_epoch(source_loader, optimizer))
# %% [markdown]
# Here, from the last layer to the first
# %%
train_loader = DataLoader(domain(600, 0.7), batch_size=30, shuffle=True)
test_loader = DataLoader(domain(300, 0.7), batch_size=100)
model.requires_grad_(False)
model[2].requires_grad_(True)
optimizer = torch.optim.Adam(model[2].parameters(), lr=5e-3)
for stage in range(3):
    if stage > 0:
        layer = model[2 - stage]
        layer.requires_grad_(True)
        optimizer.add_param_group({"params": layer.parameters(), "lr": 5e-3 / 2**stage})
    for epoch in range(2):
        loss = train_epoch(train_loader, optimizer)
    print(f"stage {stage + 1}: loss {loss:.3f}, test accuracy {accuracy(test_loader):.3f}")
