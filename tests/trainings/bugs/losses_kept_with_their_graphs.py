# The losses are collected as tensors; each keeps the graph of its step.
# Prompt: yes
# Score: above 0.80
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(61)
centres = torch.randn(6, 1, 10, 10) * 0.6
y = torch.randint(6, (1000,))
x = centres[y] + 0.8 * torch.randn(1000, 1, 10, 10)
train_loader = DataLoader(TensorDataset(x[:800], y[:800]), batch_size=40, shuffle=True)
test_loader = DataLoader(TensorDataset(x[800:], y[800:]), batch_size=100)
# %%
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 6))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
history = {"loss": [], "accuracy": []}
# %%
for epoch in range(4):
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        history["loss"].append(loss)  # BUG  # TNY403
        # FIX: history["loss"].append(loss.item())
    with torch.no_grad():
        correct = sum((model(inputs).argmax(1) == labels).sum().item() for inputs, labels in test_loader)
    history["accuracy"].append(correct / 200)
    print(f"epoch {epoch + 1}: loss {history['loss'][-1]:.3f}, test accuracy {history['accuracy'][-1]:.3f}")
