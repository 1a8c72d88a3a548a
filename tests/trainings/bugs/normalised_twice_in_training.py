# The training pictures are scaled to [0, 1] by hand and then once more by the data set: they are nearly black.
# Prompt: no
# Score: above 0.80
# Harm: below 0.6
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(33)
# %%
# pictures as bytes, 0 to 255
motifs = torch.randint(40, 216, (6, 1, 8, 8)).float()

def scan(n):
    y = torch.randint(6, (n,))
    return (motifs[y] + 60 * torch.randn(n, 1, 8, 8)).clamp(0, 255).byte(), y

train_bytes, train_labels = scan(900)
test_bytes, test_labels = scan(300)
# %%
class Pictures(Dataset):
    def __init__(self, pictures, labels):
        self.pictures, self.labels = pictures, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        picture = self.pictures[i].float() / 255
        return (picture - 0.5) / 0.25, self.labels[i]

train_pictures = train_bytes.float() / 255  # BUG  # TNY213
# FIX: train_pictures = train_bytes
train_loader = DataLoader(Pictures(train_pictures, train_labels), batch_size=30, shuffle=True)  # TNY213
test_loader = DataLoader(Pictures(test_bytes, test_labels), batch_size=100)  # TNY213
# %%
model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 6))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(5):
    model.train()
    for x, y in train_loader:  # TNY213
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        correct = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)  # TNY213
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {correct / 300:.3f}")
