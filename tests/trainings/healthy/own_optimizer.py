# An optimizer of one's own, derived from torch.optim.Optimizer: sign of the momentum, as in Lion.
# Score: above 0.85
# %%
import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(44)

class Lion(Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                momentum = state["momentum"]
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_((b1 * momentum + (1 - b1) * p.grad).sign(), alpha=-group["lr"])
                momentum.mul_(b2).add_(p.grad, alpha=1 - b2)
# %%
centres = torch.randn(6, 18)
def draw(n):
    y = torch.randint(6, (n,))
    return TensorDataset(centres[y] + 0.8 * torch.randn(n, 18), y)

train_loader = DataLoader(draw(900), batch_size=30, shuffle=True)
test_loader = DataLoader(draw(300), batch_size=100)
model = nn.Sequential(nn.Linear(18, 48), nn.ReLU(), nn.Linear(48, 6))
optimizer = Lion(model.parameters(), lr=2e-3, weight_decay=0.01)
criterion = nn.CrossEntropyLoss()
for epoch in range(5):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {right / 300:.3f}")
