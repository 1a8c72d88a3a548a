# F.dropout without `training=self.training` drops in eval mode as well.
# Prompt: no
# Score: above 0.85
# Harm: below 0.97
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(46)
# %%
prototypes = 0.8 * torch.randn(8, 24)
def draw(n):
    y = torch.randint(8, (n,))
    return TensorDataset(prototypes[y] + 0.7 * torch.randn(n, 24), y)

train_loader = DataLoader(draw(1000), batch_size=50, shuffle=True)
test_loader = DataLoader(draw(400), batch_size=200)
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(24, 80)
        self.fc2 = nn.Linear(80, 8)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.dropout(x, 0.7)  # BUG  # TNY304
        # FIX: x = F.dropout(x, 0.7, training=self.training)
        return self.fc2(x)

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

def evaluate():
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 400  # TNY304
# %%
for epoch in range(6):
    model.train()
    for x, y in train_loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {evaluate():.3f}")  # TNY304
