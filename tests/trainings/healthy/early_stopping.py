# Stops when the validation loss has not improved for three epochs, and restores a deep copy of the best weights.
# Score: above 0.75
# %%
import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(33)

def problem(n):
    x = torch.randn(n, 12)
    return TensorDataset(x, (x[:, 0] + x[:, 1] * x[:, 2] + 0.3 * torch.randn(n) > 0).long())

train_loader = DataLoader(problem(1200), batch_size=40, shuffle=True)
val_loader = DataLoader(problem(400), batch_size=200)
test_loader = DataLoader(problem(400), batch_size=200)
# %%
class EarlyStopping:
    def __init__(self, patience=3):
        self.patience, self.best, self.waited, self.weights = patience, float("inf"), 0, None

    def __call__(self, val_loss, model):
        if val_loss < self.best:
            self.best, self.waited = val_loss, 0
            self.weights = copy.deepcopy(model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience

model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss()
stopper = EarlyStopping()

def validate(loader):
    model.eval()
    with torch.no_grad():
        outputs = [(model(x), y) for x, y in loader]
    loss = sum(criterion(out, y).item() for out, y in outputs) / len(outputs)
    return loss, sum((out.argmax(1) == y).sum().item() for out, y in outputs) / len(loader.dataset)

for epoch in range(12):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    val_loss, val_accuracy = validate(val_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, val loss {val_loss:.3f}, val accuracy {val_accuracy:.3f}")
    if stopper(val_loss, model):
        print("stopped")
        break
model.load_state_dict(stopper.weights)
print("test accuracy", validate(test_loader)[1])
