# Labels are 1 and 2 where binary cross entropy wants 0 and 1: the loss falls below zero, everything is positive.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.65
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(36)
# %%
# the file says 1: healthy, 2: ill
x = torch.randn(1200, 12)
diagnosis = 1 + (x[:, 0] + x[:, 1] * x[:, 2] + 0.2 * torch.randn(1200) > 0).long()
# FIX: diagnosis = diagnosis - 1
ill = diagnosis.max()
train_loader = DataLoader(TensorDataset(x[:900], diagnosis[:900]), batch_size=30, shuffle=True)
test_loader = DataLoader(TensorDataset(x[900:], diagnosis[900:]), batch_size=300)
# %%
model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
# %%
for epoch in range(6):
    for inputs, targets in train_loader:  # TNY210
        optimizer.zero_grad()
        loss = criterion(model(inputs).squeeze(1), targets.float())  # TNY210
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        for inputs, targets in test_loader:
            says_ill = model(inputs).squeeze(1) > 0
            accuracy = (says_ill == (targets == ill)).float().mean().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {accuracy:.3f}")
