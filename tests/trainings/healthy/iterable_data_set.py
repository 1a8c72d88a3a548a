# A stream without length: two workers share it, and each epoch ends after a number of batches.
# Score: above 0.80
# %%
from itertools import islice

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

torch.manual_seed(16)
# %%
class Stream(IterableDataset):
    centres = torch.randn(4, 10)

    def __init__(self, limit, seed):
        self.limit, self.seed, self.epoch = limit, seed, 0

    def __iter__(self):
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        generator = torch.Generator().manual_seed(1000 * self.seed + 10 * self.epoch + worker)
        for _ in range(worker, self.limit, workers):
            y = torch.randint(4, (), generator=generator)
            yield self.centres[y] + 0.7 * torch.randn(10, generator=generator), y

train_stream = Stream(600, seed=1)
train_loader = DataLoader(train_stream, batch_size=30, num_workers=2)
test_batches = list(DataLoader(Stream(200, seed=2), batch_size=100))
# %%
net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(4):
    train_stream.epoch = epoch
    losses = []
    for x, y in islice(train_loader, 20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        accuracy = sum((net(x).argmax(1) == y).sum().item() for x, y in test_batches) / 200
    print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.3f}, test accuracy {accuracy:.3f}")
