# Regression: targets of shape (batch, 1), MSE, and R squared instead of an accuracy.
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(36)
features = torch.randn(1200, 8)
target = features[:, :1] * 1.5 + torch.sin(2 * features[:, 1:2]) + 0.2 * torch.randn(1200, 1)
target = (target - target.mean()) / target.std()
train_loader = DataLoader(TensorDataset(features[:900], target[:900]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(features[900:], target[900:]), batch_size=300)
# %%
model = nn.Sequential(nn.Linear(8, 64), nn.SiLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.MSELoss()
for epoch in range(6):
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        r2 = 1 - loss_fn(model(x), y).item() / y.var().item()
    print(f"epoch {epoch + 1}: train mse {total / 900:.3f}, val R2 {r2:.3f}")
