# evaluate() switches to eval mode, and train() was called once, before the loop: from the second epoch on it is off.
# Prompt: no
# Score: above 0.80
# %%
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(43)
# %%
templates = torch.randn(6, 1, 8, 8)
def batchable(n):
    y = torch.randint(6, (n,))
    return TensorDataset(templates[y] + 1.5 * torch.randn(n, 1, 8, 8), y)

train_loader = DataLoader(batchable(600), batch_size=30, shuffle=True)
test_loader = DataLoader(batchable(300), batch_size=100)
# %%
class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.Flatten())
        self.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(12 * 36, 6))

    def forward(self, x):
        return self.classifier(self.features(x))
# %%
def evaluate(model):
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 300

def train(model, epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    model.train()  # BUG
    for epoch in range(epochs):
        # FIX: model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()  # TNY301
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {evaluate(model):.3f}")

train(ConvNet(), epochs=5)
