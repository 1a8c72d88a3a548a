# The hidden layers live in a Python list: parameters() does not list them, and the optimizer never sees them.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.6
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(48)
# %%
x = torch.rand(1600, 2) * 2 - 1
y = ((2 * x[:, 0]).floor() + (2 * x[:, 1]).floor()).long() % 2  # a chess board
train_loader = DataLoader(TensorDataset(x[:1300], y[:1300]), batch_size=26, shuffle=True)
test_loader = DataLoader(TensorDataset(x[1300:], y[1300:]), batch_size=300)
# %%
class Deep(nn.Module):
    def __init__(self, width=64, depth=3):
        super().__init__()
        self.first = nn.Linear(2, width)
        self.blocks = [nn.Linear(width, width) for _ in range(depth)]  # BUG  # TNY306
        # FIX: self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.last = nn.Linear(width, 2)

    def forward(self, x):
        x = torch.relu(self.first(x))
        for block in self.blocks:
            x = torch.relu(block(x))
        return self.last(x)

model = Deep()  # TNY306
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)  # TNY306
criterion = nn.CrossEntropyLoss()
# %%
for epoch in range(8):
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        inputs, labels = next(iter(test_loader))
        accuracy = (model(inputs).argmax(1) == labels).float().mean().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {accuracy:.3f}")
