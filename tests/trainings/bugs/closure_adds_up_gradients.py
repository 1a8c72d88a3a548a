# The closure of LBFGS does not clear the gradients, so that each evaluation of it adds to the one before.
# Prompt: yes
# Score: below 0.05
# %%
import torch
from torch import nn

torch.manual_seed(0)
# %% [markdown]
# Fit a curve with LBFGS; 400 points, all in one batch.
# %%
x = torch.linspace(-1, 1, 400)[:, None]
y = torch.sin(4 * x) + 0.05 * torch.randn(400, 1)
held_out = torch.rand(100, 1) * 2 - 1
# %%
net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 1))
optimizer = torch.optim.LBFGS(net.parameters(), lr=0.3, max_iter=8)
mse = nn.MSELoss()

def closure():
    # FIX: optimizer.zero_grad()
    loss = mse(net(x), y)
    loss.backward()
    return loss
# %%
for epoch in range(12):
    loss = optimizer.step(closure)  # TNY506
    with torch.no_grad():
        error = mse(net(held_out), torch.sin(4 * held_out))
    print(f"epoch {epoch + 1}: train {loss.item():.4f}, held out {error.item():.4f}")
