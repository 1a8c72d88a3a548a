# An integer division keeps the factor of the warm-up at 0 for as long as the training runs.
# Prompt: no
# Score: above 0.80
# Harm: below 0.45
# %%
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

config = dict(seed=0, epochs=6, warm_up=4, lr=8e-3, batch_size=32, hidden=48)
torch.manual_seed(config["seed"])
# %%
inputs = torch.randn(1100, 10)
teacher = nn.Sequential(nn.Linear(10, 20), nn.Tanh(), nn.Linear(20, 5))
for p in teacher.parameters():
    p.data *= 3
with torch.no_grad():
    targets = teacher(inputs).argmax(1)
train_ds = TensorDataset(inputs[:900], targets[:900])
test_ds = TensorDataset(inputs[900:], targets[900:])
train_loader = DataLoader(train_ds, batch_size=config["batch_size"], shuffle=True)
test_loader = DataLoader(test_ds, batch_size=200)
# %%
model = nn.Sequential(nn.Linear(10, config["hidden"]), nn.ReLU(), nn.Linear(config["hidden"], 5))
optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
steps = config["warm_up"] * len(train_loader)
scheduler = LambdaLR(optimizer, lambda epoch: min(1.0, (epoch + 1) // steps))  # BUG  # TNY512
# FIX: scheduler = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / steps))
# %%
best = 0.0
for epoch in range(config["epochs"]):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()  # TNY512
        # FIX: scheduler.step()
    scheduler.step()  # BUG  # TNY512
    model.eval()
    with torch.no_grad():
        for x, y in test_loader:
            best = max(best, (model(x).argmax(1) == y).float().mean().item())
    print(f"epoch {epoch + 1} loss {loss.item():.3f} best {best:.3f}")
print("best test accuracy:", round(best, 3))
