# The data set is normalised after the loader was built: the loader goes on with the raw one.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.75
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(10)
# %%
scale = torch.tensor([1.0, 300.0, 0.02, 5000.0, 1.0, 60.0])
def measure(n):
    z = torch.randn(n, 6)
    y = (z[:, 0] * z[:, 2] > 0).long() + 2 * (z[:, 4] > 0).long()
    return z * scale + 3 * scale, y

x_train, y_train = measure(1200)
x_test, y_test = measure(400)
train_set = TensorDataset(x_train, y_train)
test_set = TensorDataset(x_test, y_test)
# %%
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)  # TNY103
test_loader = DataLoader(test_set, batch_size=200)  # TNY103
# %%
mean, std = x_train.mean(0), x_train.std(0)
train_set = TensorDataset((x_train - mean) / std, y_train)
test_set = TensorDataset((x_test - mean) / std, y_test)
# FIX: train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
# FIX: test_loader = DataLoader(test_set, batch_size=200)
# %%
model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    running_loss = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    with torch.no_grad():
        correct = sum((model(inputs).argmax(1) == targets).sum().item() for inputs, targets in test_loader)
    print(f"epoch {epoch + 1}: loss {running_loss / len(train_loader):.3f}, accuracy {correct / len(test_set):.3f}")
