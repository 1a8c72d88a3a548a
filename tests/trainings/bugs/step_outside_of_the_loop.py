# step() lost its indentation: one step an epoch, with the gradient of the last batch.
# Prompt: no
# Score: above 0.85
# Harm: below 0.6
# %%
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
# %%
prototype = torch.randn(7, 25)
label = torch.randint(7, (1400,))
data = prototype[label] + torch.randn(1400, 25)
train_loader = DataLoader(TensorDataset(data[:1000], label[:1000]), batch_size=40, shuffle=True)
test_loader = DataLoader(TensorDataset(data[1000:], label[1000:]), batch_size=400)
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(25, 60)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(60, 7)

    def forward(self, x):
        return self.out(self.drop(F.relu(self.hidden(x))))

net = Net()
opt = optim.Adam(net.parameters(), lr=2e-3)
# %%
for epoch in range(5):
    net.train()
    for x, y in train_loader:
        opt.zero_grad()  # TNY507
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        # FIX: opt.step()
    opt.step()  # BUG
    net.eval()
    with torch.no_grad():
        for x, y in test_loader:
            accuracy = (net(x).argmax(1) == y).float().mean().item()
    print(f"epoch {epoch + 1} loss {loss.item():.3f} accuracy {accuracy:.3f}")
