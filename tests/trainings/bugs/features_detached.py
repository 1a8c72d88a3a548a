# The features are detached on their way to the head: the encoder gets no gradient and stays random.
# Prompt: yes
# Score: above 0.85
# Harm: below 0.9
# %%
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(59)
# %%
angle = 6.28 * torch.rand(1500)
ring = torch.randint(3, (1500,))
radius = 0.6 * (ring + 1) + 0.08 * torch.randn(1500)
points = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
train_loader = DataLoader(TensorDataset(points[:1200], ring[:1200]), batch_size=40, shuffle=True)
test_loader = DataLoader(TensorDataset(points[1200:], ring[1200:]), batch_size=300)
# %%
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 8), nn.Tanh())
        self.head = nn.Linear(8, 3)
        self.features = None

    def forward(self, x):
        features = self.encoder(x)
        self.features = features = features.detach()  # BUG  # TNY415
        # FIX: self.features = features.detach()
        return self.head(features)

model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()  # TNY415
        optimizer.step()
    with torch.no_grad():
        x, y = next(iter(test_loader))
        accuracy = (model(x).argmax(1) == y).float().mean().item()
    spread = model.features.std().item()
    print(f"epoch {epoch + 1}: spread {spread:.2f}, loss {loss.item():.3f}, test accuracy {accuracy:.3f}")
