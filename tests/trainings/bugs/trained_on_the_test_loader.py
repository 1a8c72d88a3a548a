# The loaders changed places in the call of the trainer: it trains on test data and tests on training data.
# Prompt: yes
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(15)
# %%
y = torch.randint(5, (1500,))
x = torch.randn(1500, 10)
x[range(1500), y] += 2.5
dataset = TensorDataset(x, y)
train_set, test_set = random_split(dataset, [1200, 300])
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
test_loader = DataLoader(test_set, batch_size=40)
# %% file: training_utils.py
import torch


def train_model(model, train_loader, test_loader, num_epochs, optimizer, criterion):
    history = {"train_loss": [], "test_acc": []}
    for epoch in range(num_epochs):
        model.train()
        total = 0.0
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        history["train_loss"].append(total / len(train_loader))
        history["test_acc"].append(evaluate(model, test_loader))
    return history


def evaluate(model, loader):
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)
# %%
from training_utils import train_model

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()
history = train_model(model, test_loader, train_loader, 8, optimizer, criterion)  # BUG  # TNY201
# FIX: history = train_model(model, train_loader, test_loader, 8, optimizer, criterion)
# %%
for epoch, (loss, accuracy) in enumerate(zip(history["train_loss"], history["test_acc"]), start=1):
    print(f"epoch {epoch}: train loss {loss:.3f}, test accuracy {accuracy:.3f}")
