# Gradients are meant to be accumulated over four batches, but are cleared in front of each: only one in four counts.
# Prompt: yes
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(30)
ACCUMULATE = 4
# %%
patterns = torch.randn(10, 3, 5, 5)
def images(n):
    y = torch.randint(10, (n,))
    return TensorDataset(patterns[y] + 1.2 * torch.randn(n, 3, 5, 5), y)

train_set, test_set = images(1280), images(400)
train_loader = DataLoader(train_set, batch_size=8, shuffle=True, drop_last=True)
test_loader = DataLoader(test_set, batch_size=100)
# %%
model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
# %%
for epoch in range(4):
    model.train()
    # FIX: optimizer.zero_grad()
    for step, (x, y) in enumerate(train_loader):
        optimizer.zero_grad()  # BUG  # TNY507
        loss = criterion(model(x), y) / ACCUMULATE
        loss.backward()
        if (step + 1) % ACCUMULATE == 0:
            optimizer.step()
            # FIX: optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item() * ACCUMULATE:.3f}, test accuracy {hits / len(test_set):.3f}")
