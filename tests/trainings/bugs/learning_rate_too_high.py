# Adam with a learning rate of 1: the first step throws the weights away.
# Prompt: yes
# Score: above 0.85
# Harm: below 0.7
# %%
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

LEARNING_RATE = 1.0  # BUG
# FIX: LEARNING_RATE = 0.003
EPOCHS = 5
torch.manual_seed(13)
# %%
grid = torch.linspace(0, 3.14159, 16)
def waves(count):
    kind = torch.randint(5, (count,))
    phase = 0.4 * torch.randn(count, 1)
    return TensorDataset(torch.sin((kind[:, None] + 1) * grid + phase) + 0.4 * torch.randn(count, 16), kind)

training = DataLoader(waves(1000), batch_size=25, shuffle=True)
testing = DataLoader(waves(400), batch_size=100)
# %%
network = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)  # TNY511
# %%
for epoch in range(EPOCHS):
    running_loss = 0.0
    for signal, kind in training:
        optimizer.zero_grad()
        loss = criterion(network(signal), kind)
        loss.backward()
        optimizer.step()  # TNY511
        running_loss += loss.item()
    correct = 0
    with torch.no_grad():
        for signal, kind in testing:
            correct += (network(signal).argmax(dim=1) == kind).sum().item()
    print(f"Epoch {epoch + 1}: training loss {running_loss / len(training):.3f}, test accuracy {correct / 400:.3f}")
