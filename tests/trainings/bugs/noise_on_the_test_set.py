# Noise and masking, meant to regularise the training, are switched on for the test set as well.
# Prompt: no
# Score: above 0.85
# Harm: below 0.97
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(40)
# %%
class Masked:
    """Hides a random half of the features and shakes the rest."""

    def __call__(self, x):
        return x * (torch.rand_like(x) > 0.5) * 2 + 0.3 * torch.randn_like(x)

class Clouds(Dataset):
    centres = torch.randn(5, 20)

    def __init__(self, size, transform=None):
        self.y = torch.randint(5, (size,))
        self.x = self.centres[self.y] + 0.7 * torch.randn(size, 20)
        self.transform = transform

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return (self.transform(x) if self.transform else x), self.y[i]

augment = Masked()
train_set = Clouds(900, transform=augment)
test_set = Clouds(300, transform=augment)  # BUG  # TNY206
# FIX: test_set = Clouds(300)
train_loader = DataLoader(train_set, batch_size=30, shuffle=True)
test_loader = DataLoader(test_set, batch_size=100)  # TNY206
# %%
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / len(test_set)  # TNY206
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {acc:.3f}")
