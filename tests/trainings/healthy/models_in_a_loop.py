# Several models are compared, each with an optimizer and a scheduler of its own, under the same names.
# Score: above 0.80
# %%
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

SEED, NUM_CLASSES, EPOCHS = 34, 5, 4
torch.manual_seed(SEED)
faces = torch.randn(NUM_CLASSES, 1, 8, 8)
def pictures(n):
    y = torch.randint(NUM_CLASSES, (n,))
    return TensorDataset(faces[y] + 0.8 * torch.randn(n, 1, 8, 8), y)

train_loader = DataLoader(pictures(600), batch_size=30, shuffle=True)
test_loader = DataLoader(pictures(250), batch_size=125)
# %%
class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())

    def forward(self, x):
        return x + self.body(x)

def get_model(name, num_classes):
    if name == "baseline":
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, num_classes))
    if name == "wider":
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, num_classes))
    stem = nn.Conv2d(1, 6, 3, padding=1)
    return nn.Sequential(stem, Residual(6), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(96, num_classes))

def train_model(model, optimizer, scheduler, num_epochs):
    criterion = nn.CrossEntropyLoss()
    history = {"train_loss": [], "test_acc": []}
    for epoch in range(num_epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
        history["train_loss"].append(loss.item())
        history["test_acc"].append(right / 250)
    return history
# %%
results = {}
for name in ["baseline", "wider", "residual"]:
    model = get_model(name, NUM_CLASSES)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    results[name] = train_model(model, optimizer, scheduler, EPOCHS)
    print(f"{name:9} best {max(results[name]['test_acc']):.3f} final {results[name]['test_acc'][-1]:.3f}")
