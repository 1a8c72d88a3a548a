# ExponentialLR was meant to be stepped once an epoch and stands in the loop over the batches: the rate is soon nothing.
# Prompt: no
# Score: above 0.85
# Harm: below 0.85
# %%
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
# %%
a = torch.rand(1500, 2) * 4 - 2
labels = ((a[:, 0] * 2).sin() > a[:, 1]).long()
train_loader = DataLoader(TensorDataset(a[:1200], labels[:1200]), batch_size=20, shuffle=True)
test_loader = DataLoader(TensorDataset(a[1200:], labels[1200:]), batch_size=300)
# %%
model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
scheduler = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
# %%
def train_one_epoch():
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()  # TNY512
        scheduler.step()  # BUG  # TNY512
        total += loss.item()
    # FIX: scheduler.step()
    return total / len(train_loader)

def test():
    model.eval()
    with torch.no_grad():
        x, y = next(iter(test_loader))
        return (model(x).argmax(1) == y).float().mean().item()

for epoch in range(6):
    print("epoch", epoch + 1, "loss", round(train_one_epoch(), 3), "test accuracy", round(test(), 3))
