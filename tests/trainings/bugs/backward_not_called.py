# `loss.backward` without its parentheses: nobody computes a gradient, and step() has nothing to do.
# Prompt: yes
# Score: above 0.85
# Harm: below 0.5
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(23)
# %%
base = torch.randn(4, 40)
def recordings(n):
    who = torch.randint(4, (n,))
    shift = torch.randint(3, (n,))
    waves = torch.stack([base[k].roll(int(s)) for k, s in zip(who, shift)])
    return TensorDataset(waves[:, None] + 0.5 * torch.randn(n, 1, 40), who)

train_loader = DataLoader(recordings(700), batch_size=35, shuffle=True)
test_loader = DataLoader(recordings(300), batch_size=100)
# %%
model = nn.Sequential(
    nn.Conv1d(1, 8, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(8, 16, 5), nn.ReLU(), nn.Flatten(), nn.Linear(224, 4)
)
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()

def accuracy(loader):
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)
# %%
for epoch in range(5):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward  # BUG
        # FIX: loss.backward()
        optimizer.step()  # TNY505
    print(f"epoch {epoch + 1}, loss {loss.item():.3f}, test accuracy {accuracy(test_loader):.3f}")
