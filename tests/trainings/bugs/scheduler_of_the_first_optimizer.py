# The optimizer was built anew with momentum; the scheduler lowers the learning rate of the one before.
# Prompt: no
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)
# %%
prototypes = torch.randn(8, 1, 6, 6)
def pictures(n):
    labels = torch.randint(8, (n,))
    return TensorDataset(prototypes[labels] + 0.9 * torch.randn(n, 1, 6, 6), labels)

train_data, valid_data = pictures(960), pictures(320)
train_dl = DataLoader(train_data, batch_size=32, shuffle=True)
valid_dl = DataLoader(valid_data, batch_size=160)
# %%
class SmallCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 3, padding=1)
        self.fc = nn.Linear(12 * 36, 8)

    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).flatten(1))

net = SmallCNN()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
scheduler = StepLR(optimizer, step_size=2, gamma=0.3)
loss_fn = nn.CrossEntropyLoss()

def train_epoch():
    net.train()
    for xb, yb in train_dl:
        loss = loss_fn(net(xb), yb)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.item()

print("a first epoch:", train_epoch())
# %%
# momentum helps
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)  # TNY503
# FIX: scheduler = StepLR(optimizer, step_size=2, gamma=0.3)
# %%
for epoch in range(6):
    train_epoch()
    scheduler.step()
    net.eval()
    with torch.no_grad():
        valid_loss = sum(loss_fn(net(xb), yb).item() for xb, yb in valid_dl) / len(valid_dl)
        accuracy = sum((net(xb).argmax(1) == yb).sum().item() for xb, yb in valid_dl) / len(valid_data)
    print(f"epoch {epoch + 1}  valid loss {valid_loss:.3f}  lr {scheduler.get_last_lr()[0]:.4f}  accuracy {accuracy:.3f}")
