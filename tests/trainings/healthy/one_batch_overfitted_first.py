# First the sanity check: can a throw-away model learn one batch by heart? Then the real training with a new model.
# Score: above 0.85
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(29)
centres = torch.randn(6, 20) * 0.8
def draw(n):
    y = torch.randint(6, (n,))
    return TensorDataset(centres[y] + 0.8 * torch.randn(n, 20), y)

train_loader = DataLoader(draw(1000), batch_size=40, shuffle=True)
test_loader = DataLoader(draw(300), batch_size=100)

def build_model():
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 6))

criterion = nn.CrossEntropyLoss()
# %% [markdown]
# Sanity check: overfit a single batch
# %%
model = build_model()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
inputs, targets = next(iter(train_loader))
for step in range(100):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
print(f"one batch by heart: loss {loss.item():.5f}")
assert loss.item() < 0.05
# %% [markdown]
# Training
# %%
model = build_model()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(5):
    model.train()
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(inputs).argmax(1) == targets).sum().item() for inputs, targets in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {right / 300:.3f}")
