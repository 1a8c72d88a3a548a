# The backbone's parameter group starts with a learning rate of 0 and is given one after two epochs.
# Score: above 0.85
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(46)
centres = torch.randn(6, 16)
y = torch.randint(6, (1300,))
x = centres[y] + 0.8 * torch.randn(1300, 16)
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=40, shuffle=True)
test_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=100)
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(16, 64), nn.ReLU())
        self.head = nn.Linear(64, 6)

    def forward(self, x):
        return self.head(self.backbone(x))

model = Net()
optimizer = torch.optim.Adam(
    [
        {"params": model.backbone.parameters(), "lr": 0.0},
        {"params": model.head.parameters(), "lr": 5e-3},
    ]
)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    if epoch == 2:
        optimizer.param_groups[0]["lr"] = 1e-3
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = sum((model(inputs).argmax(1) == labels).sum().item() for inputs, labels in test_loader)
    rates = [group["lr"] for group in optimizer.param_groups]
    print(f"epoch {epoch + 1}: rates {rates}, loss {loss.item():.3f}, test accuracy {right / 300:.3f}")
