# Rare classes are drawn more often with a weight for each sample; the same rare samples come again and again.
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.manual_seed(30)
centres = torch.randn(4, 16)
def draw(n, share):
    y = torch.multinomial(torch.tensor(share), n, replacement=True)
    return TensorDataset(centres[y] + torch.randn(n, 16), y)

train_set = draw(1200, [0.7, 0.2, 0.07, 0.03])
test_set = draw(400, [0.25, 0.25, 0.25, 0.25])
train_labels = train_set.tensors[1]
class_counts = torch.bincount(train_labels)
sample_weights = (1.0 / class_counts)[train_labels]
train_loader = DataLoader(train_set, batch_size=40, sampler=WeightedRandomSampler(sample_weights, len(train_set)))
test_loader = DataLoader(test_set, batch_size=100)
# %%
model = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Linear(48, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(4):
    for x, y in train_loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, balanced test accuracy {right / 400:.3f}")
