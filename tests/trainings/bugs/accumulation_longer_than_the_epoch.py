# step() waits for 64 batches, an epoch has 20, and the count starts anew with each: it is never called.
# Prompt: no
# Score: above 0.80
# Harm: below 0.5
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14)
settings = {
    "batch_size": 40,
    "epochs": 5,
    "accumulation_steps": 64,  # BUG
    # FIX: "accumulation_steps": 2,
    "lr": 1e-2,
}
# %%
weights = torch.randn(15, 4)
inputs = torch.randn(1100, 15)
labels = (inputs @ weights).argmax(1)
train_loader = DataLoader(TensorDataset(inputs[:800], labels[:800]), settings["batch_size"], shuffle=True)
test_loader = DataLoader(TensorDataset(inputs[800:], labels[800:]), 100)
# %%
model = nn.Sequential(nn.Linear(15, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=settings["lr"])
criterion = nn.CrossEntropyLoss()
# %%
for epoch in range(settings["epochs"]):
    optimizer.zero_grad()
    mean_loss = 0
    for i, (x, y) in enumerate(train_loader):
        loss = criterion(model(x), y)
        (loss / settings["accumulation_steps"]).backward()  # TNY504
        if (i + 1) % settings["accumulation_steps"] == 0:
            optimizer.step()
            optimizer.zero_grad()
        mean_loss += loss.item() / len(train_loader)
    with torch.no_grad():
        accuracy = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 300
    print(f"epoch {epoch + 1}: loss {mean_loss:.3f} - test accuracy {accuracy:.3f}")
