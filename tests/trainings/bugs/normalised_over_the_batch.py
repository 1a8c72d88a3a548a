# The model standardises each batch with its own mean, in eval mode too: on sorted test data it is lost.
# Prompt: no
# Score: above 0.80
# Harm: below 0.6
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(52)
levels = torch.randn(5, 10)
def sorted_by_class(n):
    y = torch.arange(5).repeat_interleave(n // 5)
    return TensorDataset(4 + 2 * (levels[y] + 0.5 * torch.randn(n, 10)), y)

train_loader = DataLoader(sorted_by_class(1000), batch_size=50, shuffle=True)
test_loader = DataLoader(sorted_by_class(400), batch_size=40)
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(10, track_running_stats=False)  # BUG  # TNY802
        # FIX: self.norm = nn.BatchNorm1d(10)
        self.layers = nn.Sequential(nn.Linear(10, 40), nn.ReLU(), nn.Linear(40, 5))

    def forward(self, x):
        return self.layers(self.norm(x))  # TNY802

net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss()
# %%
def test():
    net.eval()
    hits = 0
    with torch.no_grad():
        for x, y in test_loader:
            hits += (net(x).argmax(1) == y).sum().item()  # TNY802
    return hits / 400

for epoch in range(5):
    net.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: train loss {loss.item():.3f}, test accuracy {test():.3f}")  # TNY802
