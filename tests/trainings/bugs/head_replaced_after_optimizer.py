# A pretrained network gets a new head, but the optimizer was built before and trains the rest only.
# Prompt: yes
# Score: above 0.75
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(11)

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 24), nn.ReLU())
        self.fc = nn.Linear(24, classes)

    def forward(self, x):
        return self.fc(self.backbone(x))
# %%
mixing = torch.randn(16, 16) / 4
def sample(n, classes, offset):
    generator = torch.Generator().manual_seed(classes)
    centres = torch.randn(classes, 16, generator=generator) * 1.5
    labels = torch.randint(classes, (n,))
    return TensorDataset((centres[labels] + torch.randn(n, 16)) @ mixing + offset, labels)

source = DataLoader(sample(600, 4, 0.0), batch_size=50, shuffle=True)
train_loader = DataLoader(sample(900, 9, 0.1), batch_size=30, shuffle=True)
test_loader = DataLoader(sample(450, 9, 0.1), batch_size=150)
# %%
def run_epoch(model, loader, optimizer):
    model.train()
    loss_sum = 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item()
    return loss_sum / len(loader)

@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    return sum((model(x).argmax(-1) == y).sum().item() for x, y in loader) / len(loader.dataset)
# %% [markdown]
# Pretraining on four classes
# %%
model = Net(4)
pretraining = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(3):
    print("pretraining", run_epoch(model, source, pretraining))
# %% [markdown]
# Fine-tuning on nine others
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)  # BUG
model.fc = nn.Linear(24, 9)  # TNY509
# FIX: optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
# %%
for epoch in range(5):
    loss = run_epoch(model, train_loader, optimizer)
    print(f"epoch {epoch + 1}: loss {loss:.3f}, test accuracy {accuracy(model, test_loader):.3f}")
