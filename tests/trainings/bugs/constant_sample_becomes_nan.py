# Each sample is divided by its own deviation; a blank one has none, becomes NaN, and with it all weights.
# Prompt: no
# Score: above 0.80
# Harm: below 0.4
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(63)
# %%
motif = torch.randn(5, 40)
def recordings(n):
    y = torch.randint(5, (n,))
    return 2 + motif[y] + 0.8 * torch.randn(n, 40), y

x_train, y_train = recordings(900)
x_test, y_test = recordings(300)
x_train[417] = 0.0  # the microphone was off
# %%
def standardise(x):
    x = x - x.mean(1, keepdim=True)
    return x / x.std(1, keepdim=True)  # BUG  # TNY411
    # FIX: return x / (x.std(1, keepdim=True) + 1e-6)

train_loader = DataLoader(TensorDataset(standardise(x_train), y_train), batch_size=30, shuffle=True)  # TNY411
test_loader = DataLoader(TensorDataset(standardise(x_test), y_test), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(4):
    total = 0.0
    for x, y in train_loader:  # TNY411
        optimizer.zero_grad()
        loss = criterion(model(x), y)  # TNY411
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {total / len(train_loader):.3f}, test accuracy {right / 300:.3f}")
