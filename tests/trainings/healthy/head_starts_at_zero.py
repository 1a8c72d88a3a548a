# The head's weights start at zero: in the first step nothing but the head gets a gradient, the first loss is ln 5.
# Score: above 0.85
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(52)
centres = torch.randn(5, 16)
def draw(n):
    y = torch.randint(5, (n,))
    return TensorDataset(centres[y] + 0.8 * torch.randn(n, 16), y)

train_loader = DataLoader(draw(900), batch_size=30, shuffle=True)
test_loader = DataLoader(draw(300), batch_size=100)
# %%
class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.outer.weight)  # each block begins as the identity
        nn.init.zeros_(self.outer.bias)

    def forward(self, x):
        return x + self.outer(torch.relu(self.inner(x)))

head = nn.Linear(32, 5)
nn.init.zeros_(head.weight)
nn.init.zeros_(head.bias)
model = nn.Sequential(nn.Linear(16, 32), Residual(32), Residual(32), head)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(4):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {right / 300:.3f}")
