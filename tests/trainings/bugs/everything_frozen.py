# The whole network was frozen to compute features and never thawed; only the temperature of the loss is trained.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.45
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
means = torch.randn(6, 24)

def draw(n):
    y = torch.randint(6, (n,))
    return TensorDataset(means[y] + torch.randn(n, 24), y)

train_loader, test_loader = DataLoader(draw(960), batch_size=48, shuffle=True), DataLoader(draw(300), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 6))

class TemperedLoss(nn.Module):
    """Cross entropy with a learnt temperature."""

    def __init__(self):
        super().__init__()
        self.log_temperature = nn.Parameter(torch.zeros(()))

    def forward(self, logits, labels):
        return nn.functional.cross_entropy(logits * self.log_temperature.exp(), labels)
# %%
# a look at the untrained features
model.requires_grad_(False)  # TNY415
x, y = next(iter(test_loader))
print("spread of the first layer:", model[0](x).std(0).mean())
# FIX: model.requires_grad_(True)
# %%
criterion = TemperedLoss()
optimizer = torch.optim.Adam([*model.parameters(), *criterion.parameters()], lr=4e-3)
for epoch in range(1, 6):
    seen = loss_sum = 0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()  # TNY415
        optimizer.step()
        loss_sum += loss.item() * len(y)
        seen += len(y)
    with torch.no_grad():
        acc = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 300
    print(f"epoch {epoch}: train loss {loss_sum / seen:.3f} test accuracy {acc:.3f}")
