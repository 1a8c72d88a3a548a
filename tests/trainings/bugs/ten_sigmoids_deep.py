# Ten layers of sigmoids: the gradient shrinks by a factor with each, and the first layers get nothing.
# Prompt: no
# Score: above 0.80
# Harm: below 0.5
# %%
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(65)
centres = torch.randn(6, 24) * 0.8
def draw(n):
    y = torch.randint(6, (n,))
    return TensorDataset(centres[y] + 0.8 * torch.randn(n, 24), y)

train_loader = DataLoader(draw(1000), batch_size=40, shuffle=True)
test_loader = DataLoader(draw(300), batch_size=300)
# %%
Activation = nn.Sigmoid  # BUG
# FIX: Activation = nn.ReLU
DEPTH, WIDTH = 10, 32

def deep_network():
    layers = [nn.Linear(24, WIDTH), Activation()]
    for _ in range(DEPTH - 1):
        layers += [nn.Linear(WIDTH, WIDTH), Activation()]
    # FIX: for layer in layers[::2]:
    # FIX:     nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return nn.Sequential(*layers, nn.Linear(WIDTH, 6))

model = deep_network()  # TNY412
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
criterion = nn.CrossEntropyLoss()
# %%
for epoch in range(8):
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()  # TNY412
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        x, y = next(iter(test_loader))
        accuracy = (model(x).argmax(1) == y).float().mean().item()
    print(f"epoch {epoch + 1}: loss {total / len(train_loader):.3f}, test accuracy {accuracy:.3f}")
