# Three noisy copies of each sample, but the labels are repeated with repeat_interleave and the samples with repeat.
# Prompt: no
# Score: above 0.80
# Harm: below 0.5
# %%
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(26)
# %%
class Augmented(Dataset):
    """Each sample `copies` times, with a random sign flip of the last features."""

    def __init__(self, x, y, copies):
        self.x = x.repeat(copies, 1)
        self.y = y.repeat_interleave(copies)  # BUG  # TNY214
        # FIX: self.y = y.repeat(copies)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]
# %%
centres = 1.1 * torch.randn(6, 12)
def draw(n):
    y = torch.randint(6, (n,))
    return centres[y] + torch.randn(n, 12), y

train_set = Augmented(*draw(400), copies=3)  # TNY214
test_x, test_y = draw(300)
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
# %%
net = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 6))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(5):
    net.train()
    for x, y in train_loader:  # TNY214
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        print(f"epoch {epoch + 1}", round(loss.item(), 3), (net(test_x).argmax(1) == test_y).float().mean().item())
