# All weights are drawn with a deviation of 1, whatever the width: the signal grows fivefold in each layer.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.8
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(66)
centres = torch.randn(5, 32) * 0.7
def draw(n):
    y = torch.randint(5, (n,))
    return TensorDataset(centres[y] + torch.randn(n, 32), y)

train_loader = DataLoader(draw(1000), batch_size=50, shuffle=True)
test_loader = DataLoader(draw(400), batch_size=200)
# %%
def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight)  # BUG  # TNY413
        # FIX: nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(module.bias)

model = nn.Sequential(
    nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64),
    nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5)
)
model.apply(init_weights)  # TNY413
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
# %%
for epoch in range(6):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()  # TNY413
        optimizer.step()
    with torch.no_grad():
        accuracy = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 400
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {accuracy:.3f}")
