# Mixup: each input is blended with another one, and the loss with it; the training accuracy is low by design.
# Score: above 0.85
# %%
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(47)
torch.manual_seed(47)
centres = torch.randn(6, 20)
def draw(n):
    y = torch.randint(6, (n,))
    return TensorDataset(centres[y] + 0.9 * torch.randn(n, 20), y)

train_loader, test_loader = DataLoader(draw(1000), 50, shuffle=True), DataLoader(draw(300), 100)
# %%
def mixup_data(x, y, alpha=0.4):
    lam = np.random.beta(alpha, alpha)
    index = torch.randperm(x.size(0))
    return lam * x + (1 - lam) * x[index], y, y[index], lam

def mixup_criterion(criterion, prediction, y_a, y_b, lam):
    return lam * criterion(prediction, y_a) + (1 - lam) * criterion(prediction, y_b)

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 6))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(5):
    model.train()
    train_loss = correct = 0.0
    for inputs, targets in train_loader:
        inputs, targets_a, targets_b, lam = mixup_data(inputs, targets)
        outputs = model(inputs)
        loss = mixup_criterion(criterion, outputs, targets_a, targets_b, lam)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
        predicted = outputs.argmax(1)
        correct += lam * (predicted == targets_a).sum().item() + (1 - lam) * (predicted == targets_b).sum().item()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {train_loss / 20:.3f}, train {correct / 1000:.3f}, test accuracy {right / 300:.3f}")
