# torch.compile: the compiled module shares the parameters of the one it was made of, and either may be evaluated.
# Score: above 0.85
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14)
centres = torch.randn(5, 16)
def draw(n):
    y = torch.randint(5, (n,))
    return TensorDataset(centres[y] + 0.9 * torch.randn(n, 16), y)

train_loader = DataLoader(draw(800), batch_size=40, shuffle=True)
test_loader = DataLoader(draw(240), batch_size=80)
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(16, 48)
        self.fc2 = nn.Linear(48, 5)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))

model = Net()
compiled = torch.compile(model, backend="eager")
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
# %%
for epoch in range(4):
    compiled.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(compiled(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {right / 240:.3f}")
