# An exponential average of the weights is evaluated beside the model; no optimizer ever touches it.
# Score: above 0.85
# %%
import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(8)
centres = torch.randn(6, 18) * 0.8
y = torch.randint(6, (1300,))
x = centres[y] + 0.8 * torch.randn(1300, 18)
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=40, shuffle=True)
test_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(18, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 6))
ema_model = copy.deepcopy(model)
ema_model.requires_grad_(False)

@torch.no_grad()
def update_average(decay=0.95):
    for average, parameter in zip(ema_model.parameters(), model.parameters()):
        average.mul_(decay).add_(parameter, alpha=1 - decay)
    for average, buffer in zip(ema_model.buffers(), model.buffers()):
        average.copy_(buffer)

@torch.no_grad()
def accuracy(network):
    network.eval()
    return sum((network(a).argmax(1) == b).sum().item() for a, b in test_loader) / 300
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()
for epoch in range(5):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        update_average()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f} model {accuracy(model):.3f} average {accuracy(ema_model):.3f}")
