# The attention's softmax runs over dimension 0, the batch: each sample attends to the others of its batch.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.85
# %%
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(50)
# %% [markdown]
# Which of four symbols stands next to the marker? The attention has to look for the marker.
# %%
def sequences(n, length=9):
    answer = torch.randint(4, (n,))
    position = torch.randint(length, (n,))
    x = torch.zeros(n, length, 6)
    x.scatter_(2, torch.randint(4, (n, length, 1)), 1.0)
    rows = torch.arange(n)
    x[rows, position] = 0.0
    x[rows, position, answer] = 1.0
    x[rows, position, 4] = 1.0
    x[:, :, 5] = 0.1 * torch.randn(n, length)
    return TensorDataset(x, answer)

train_loader = DataLoader(sequences(1200), batch_size=40, shuffle=True)
test_loader = DataLoader(sequences(400), batch_size=100)
# %%
class Attention(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.embed = nn.Linear(6, dim)
        self.score = nn.Sequential(nn.Linear(dim, dim), nn.Tanh(), nn.Linear(dim, 1))
        self.out = nn.Linear(dim, 4)

    def forward(self, x):
        x = self.embed(x)
        weights = torch.softmax(self.score(x), dim=0)  # BUG  # TNY802
        # FIX: weights = torch.softmax(self.score(x), dim=1)
        return self.out((weights * x).sum(1))

model = Attention()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(8):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)  # TNY802
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)  # TNY802
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {right / 400:.3f}")
