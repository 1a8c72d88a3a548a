# The data set keeps a random generator of its own; each worker gets a copy of it, and all make the same noise.
# Prompt: no
# Score: above 0.70
# %%
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, get_worker_info

torch.manual_seed(39)
# %%
class NoisyWaves(Dataset):
    """Waves of four frequencies, with fresh noise and a fresh phase in every epoch."""

    def __init__(self, size):
        self.rng = np.random.default_rng(0)  # TNY216
        self.labels = torch.arange(size) % 4
        self.time = np.linspace(0, 3, 24)
        # FIX: self.ready = False

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        # FIX: if not self.ready:
        # FIX:     info = get_worker_info()
        # FIX:     self.rng = np.random.default_rng(info.seed if info else 0)
        # FIX:     self.ready = True
        phase, noise = self.rng.uniform(0, 1), self.rng.normal(size=24)  # TNY216
        wave = np.sin((self.labels[i].item() + 1) * self.time + phase) + 0.5 * noise
        return torch.tensor(wave, dtype=torch.float32), self.labels[i]

train_loader = DataLoader(NoisyWaves(600), batch_size=30, shuffle=True, num_workers=2)  # TNY216
test_loader = DataLoader(NoisyWaves(200), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(4):
    for x, y in train_loader:  # TNY216
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {right / 200:.3f}")
