# Two persistent workers, a seed for each, and a random augmentation for training only.
# Score: above 0.80
# %%
import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(15)
# %%
class Signals(Dataset):
    base = torch.randn(5, 30)

    def __init__(self, size, augment):
        self.labels = torch.arange(size) % 5
        self.signals = self.base[self.labels] + 0.7 * torch.randn(size, 30)
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        signal = self.signals[index]
        if self.augment:
            signal = signal * random.uniform(0.8, 1.2) + torch.from_numpy(np.random.normal(0, 0.1, 30)).float()
        return signal, self.labels[index]

def seed_worker(worker_id):
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)

train_loader = DataLoader(
    Signals(800, augment=True), batch_size=40, shuffle=True, num_workers=2, persistent_workers=True,
    worker_init_fn=seed_worker, generator=torch.Generator().manual_seed(0),
)
test_loader = DataLoader(Signals(200, augment=False), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 5))
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
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {right / 200:.3f}")
