# The optimizer is built, then the model is replaced by a copy of itself ("to have a clean one on the device").
# Prompt: yes
# Score: above 0.85
# Harm: below 0.5
# %%
import copy

import torch
from torch import nn

device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(3)
# %%
x = torch.randn(1000, 6)
y = ((x[:, 0] * x[:, 1] > 0).long() + 2 * (x[:, 2] > 0).long()).to(device)
x = x.to(device)
x_train, y_train, x_test, y_test = x[:800], y[:800], x[800:], y[800:]
# %%
pristine = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(pristine.parameters(), lr=5e-3)  # BUG
model = copy.deepcopy(pristine).to(device)  # TNY501
# FIX: optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
# %%
generator = torch.Generator().manual_seed(0)
for epoch in range(8):
    order = torch.randperm(800, generator=generator)
    running = 0.0
    for batch in order.split(40):
        optimizer.zero_grad()
        loss = criterion(model(x_train[batch]), y_train[batch])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(batch)
    with torch.no_grad():
        accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"[{epoch + 1}/8] loss={running / 800:.3f} test accuracy={accuracy:.3f}")
