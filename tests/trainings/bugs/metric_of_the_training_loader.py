# What is printed as test accuracy is computed on the training loader; the test loader is never read.
# Prompt: no
# Score: above 0.60
# Harm: above 0.95
# Also: TNY704
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(20)

def problem(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 24, generator=g)
    y = (x[:, 0] + x[:, 1] + 0.8 * torch.randn(n, generator=g) > 0).long()
    return TensorDataset(x, y)

train_loader = DataLoader(problem(300, 1), batch_size=20, shuffle=True)
test_loader = DataLoader(problem(500, 2), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(24, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

def accuracy(loader):
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)
# %%
test_accuracies = []
for epoch in range(8):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    test_accuracies.append(accuracy(train_loader))  # BUG  # TNY203
    # FIX: test_accuracies.append(accuracy(test_loader))
    print(f"epoch {epoch + 1}: loss {loss.item():.3f} test accuracy {test_accuracies[-1]:.3f}")
print("best:", max(test_accuracies))
