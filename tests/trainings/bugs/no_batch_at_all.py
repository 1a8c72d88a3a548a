# The batch size is larger than the data and drop_last is set: there is no batch, and the model stays as it was.
# Prompt: no
# Score: above 0.80
# Harm: below 0.5
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(41)
cfg = {"batch_size": 512, "epochs": 6, "lr": 1e-2}  # BUG
# FIX: cfg = {"batch_size": 32, "epochs": 6, "lr": 1e-2}
# %%
y = torch.arange(400) % 4
x = torch.randn(400, 9)
x[:, :4] += 2.2 * nn.functional.one_hot(y, 4)
train_set = TensorDataset(x[:320], y[:320])
x_test, y_test = x[320:], y[320:]
train_loader = DataLoader(train_set, batch_size=cfg["batch_size"], shuffle=True, drop_last=True)  # TNY602
# %%
model = nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.AdamW(model.parameters(), lr=cfg["lr"])
for epoch in range(cfg["epochs"]):
    running = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        running += loss.item()
    with torch.no_grad():
        accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch + 1}: train loss {running:.3f}, test accuracy {accuracy:.3f}")
