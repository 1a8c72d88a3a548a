# Inputs and labels are shuffled with a permutation each: no label belongs to its input, for good.
# Prompt: no
# Score: above 0.85
# Harm: below 0.4
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(27)
# %%
stripes = torch.stack([torch.sin(torch.arange(20) * f) for f in (0.4, 0.8, 1.2, 1.6, 2.0)])
y = torch.arange(5).repeat_interleave(320)
x = stripes[y] + 0.7 * torch.randn(1600, 20)
# %%
# shuffle and split
x = x[torch.randperm(len(x))]  # BUG
y = y[torch.randperm(len(y))]  # BUG  # TNY706
# FIX: order = torch.randperm(len(x))
# FIX: x, y = x[order], y[order]
train_loader = DataLoader(TensorDataset(x[:1300], y[:1300]), batch_size=50, shuffle=True)
test_loader = DataLoader(TensorDataset(x[1300:], y[1300:]), batch_size=300)
# %%
model = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

def train(epochs):
    for epoch in range(1, epochs + 1):
        total = 0.0
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            inputs, targets = next(iter(test_loader))
            accuracy = (model(inputs).argmax(1) == targets).float().mean().item()
        print(f"epoch {epoch}: train loss {total / len(train_loader):.3f}, test accuracy {accuracy:.3f}")

train(8)  # TNY706
