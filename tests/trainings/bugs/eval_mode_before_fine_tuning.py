# A cell looks at a few predictions in eval mode; the fine-tuning below it never switches back.
# Prompt: yes
# Score: above 0.75
# %%
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(44)
centres = torch.randn(5, 14)

def domain(n, shift):
    y = torch.randint(5, (n,))
    return TensorDataset(centres[y] * (1 - shift) + shift * centres[y].flip(1) + 0.7 * torch.randn(n, 14) + shift, y)

old, new, test = domain(600, 0.0), domain(600, 0.6), domain(300, 0.6)
# %%
net = nn.Sequential(
    nn.Linear(14, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5)
)
criterion = nn.CrossEntropyLoss()

def fit(loader, optimizer, epochs):
    for epoch in range(epochs):
        total = 0.0
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(net(inputs), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / len(loader):.3f}")
# %%
fit(DataLoader(old, batch_size=30, shuffle=True), optim.Adam(net.parameters(), lr=5e-3), epochs=3)
# %%
# how far is it from the new domain?
net.eval()
with torch.no_grad():
    print("before fine-tuning:", (net(test.tensors[0]).argmax(1) == test.tensors[1]).float().mean().item())
# %%
# FIX: net.train()
fit(DataLoader(new, batch_size=30, shuffle=True), optim.Adam(net.parameters(), lr=2e-3), epochs=4)  # TNY301
# %%
net.eval()
with torch.no_grad():
    print("after fine-tuning:", (net(test.tensors[0]).argmax(1) == test.tensors[1]).float().mean().item())
