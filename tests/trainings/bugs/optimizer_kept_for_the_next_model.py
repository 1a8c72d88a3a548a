# Three models are compared, and one optimizer, built for the first of them, is handed to all.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.45
# %% [markdown]
# Which of three small networks is best on 8 x 8 pictures of stripes?
# %%
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
# %%
def make_pictures(samples, generator):
    labels = torch.randint(4, (samples,), generator=generator)
    pictures = 0.7 * torch.randn(samples, 1, 8, 8, generator=generator)
    stripes = torch.tensor([1.0, -1.0]).repeat(4)
    for index, label in enumerate(labels.tolist()):
        if label == 0:
            pictures[index, 0] += stripes
        elif label == 1:
            pictures[index, 0] += stripes[:, None]
        elif label == 2:
            pictures[index, 0] += stripes * stripes[:, None]
    return TensorDataset(pictures, labels)

generator = torch.Generator().manual_seed(1)
train_loader = DataLoader(make_pictures(800, generator), batch_size=32, shuffle=True)
test_loader = DataLoader(make_pictures(400, generator), batch_size=100)
# %%
class Baseline(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, num_classes))

    def forward(self, x):
        return self.net(x)

class Wider(Baseline):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, num_classes))

class Convolutional(Baseline):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, num_classes)
        )

def get_model(name, num_classes):
    return {"baseline": Baseline, "wider": Wider, "convolutional": Convolutional}[name](num_classes)
# %%
criterion = nn.CrossEntropyLoss()

def evaluate(model, loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for pictures, labels in loader:
            correct += (model(pictures).argmax(1) == labels).sum().item()
    return correct / len(loader.dataset)

def train_model(model, train_loader, test_loader, num_epochs, optimizer):
    history = {"train_loss": [], "test_acc": []}
    for epoch in range(num_epochs):
        model.train()
        total = 0.0
        for pictures, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(pictures), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        history["train_loss"].append(total / len(train_loader))
        history["test_acc"].append(evaluate(model, test_loader))
        print(f"  epoch {epoch + 1}: loss {history['train_loss'][-1]:.3f}, test {history['test_acc'][-1]:.3f}")
    return history
# %%
results = {}
model = get_model("baseline", 4)  # BUG
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)  # BUG
for name in ["baseline", "wider", "convolutional"]:
    print(name)
    if name != "baseline":  # BUG
        model = get_model(name, 4)  # BUG  # TNY502
    # FIX: model = get_model(name, 4)
    # FIX: optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    results[name] = train_model(model, train_loader, test_loader, 6, optimizer)
# %%
for name, history in results.items():
    print(f"{name}: best test accuracy {max(history['test_acc']):.3f}")
