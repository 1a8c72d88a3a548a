# The model has ten outputs, the data twenty classes; a clamp that once "cured" a CUDA assert hides it.
# Prompt: no
# Score: above 0.80
# Harm: below 0.65
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(37)
# %%
class Flowers(Dataset):
    """Twenty kinds of flowers, measured."""

    classes = [f"flower {k}" for k in range(20)]
    centres = torch.randn(20, 24)

    def __init__(self, size, train):
        generator = torch.Generator().manual_seed(int(train))
        self.targets = torch.randint(20, (size,), generator=generator)
        self.data = self.centres[self.targets] + 0.8 * torch.randn(size, 24, generator=generator)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.data[index], self.targets[index]

train_loader = DataLoader(Flowers(1500, train=True), batch_size=50, shuffle=True)
test_loader = DataLoader(Flowers(500, train=False), batch_size=100)
# %%
def get_model(num_classes):
    return nn.Sequential(nn.Linear(24, 96), nn.ReLU(), nn.Linear(96, num_classes))

num_classes = 10  # BUG
# FIX: num_classes = len(train_loader.dataset.classes)
model = get_model(num_classes)  # TNY209
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
# %%
for epoch in range(5):
    for x, y in train_loader:
        y = y.clamp(0, num_classes - 1)  # device-side assert without it
        optimizer.zero_grad()
        loss = criterion(model(x), y)  # TNY210
        loss.backward()
        optimizer.step()
    correct = 0
    with torch.no_grad():
        for x, y in test_loader:
            correct += (model(x).argmax(1) == y).sum().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {correct / 500:.3f}")
