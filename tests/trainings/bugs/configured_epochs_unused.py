# The configuration says ten epochs, the call says one: the model is judged before it has learnt.
# Prompt: no
# Score: above 0.85
# Harm: below 0.85
# %%
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

config = {
    "num_epochs": 10,
    "batch_size": 64,
    "lr": 2e-3,
    "seed": 70,
}
torch.manual_seed(config["seed"])
# %%
centres = 0.9 * torch.randn(15, 24)
def draw(n):
    y = torch.randint(15, (n,))
    return TensorDataset(centres[y] + torch.randn(n, 24), y)

train_loader = DataLoader(draw(1600), batch_size=config["batch_size"], shuffle=True)
test_loader = DataLoader(draw(500), batch_size=250)
# %%
def train_model(model, train_loader, test_loader, num_epochs, lr):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(num_epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {right / 500:.3f}")

model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 15))
train_model(model, train_loader, test_loader, num_epochs=1, lr=config["lr"])  # BUG  # TNY603
# FIX: train_model(model, train_loader, test_loader, num_epochs=config["num_epochs"], lr=config["lr"])
