# No zero_grad() anywhere: every step uses the sum of all gradients so far.
# Prompt: yes
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(8)
# %%
class Blobs(Dataset):
    """Gaussian clouds with labels."""

    centres = 1.1 * torch.randn(6, 18)

    def __init__(self, size):
        self.labels = torch.randint(6, (size,))
        self.points = self.centres[self.labels] + torch.randn(size, 18)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.points[index], self.labels[index]

train_loader = DataLoader(Blobs(900), batch_size=30, shuffle=True)
test_loader = DataLoader(Blobs(300), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(18, 50), nn.ReLU(), nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 6))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()
# %%
for epoch in range(4):
    train_loss = 0.0
    for points, labels in train_loader:
        # FIX: optimizer.zero_grad()
        loss = criterion(model(points), labels)
        loss.backward()
        optimizer.step()  # TNY506
        train_loss += loss.item()
    with torch.no_grad():
        hits = sum(int((model(points).argmax(1) == labels).sum()) for points, labels in test_loader)
    print(f"epoch {epoch + 1} loss {train_loss / len(train_loader):.3f} test accuracy {hits / 300:.3f}")
