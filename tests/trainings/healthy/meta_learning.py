# MAML: the inner step is made with autograd.grad and functional_call, the outer one by an optimizer.
# Score: below 0.4
# %%
import torch
from torch import nn
from torch.func import functional_call

torch.manual_seed(18)
# %%
model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
meta_optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
inner_lr, inner_steps = 0.05, 3

def sample_task():
    """A sine of random height and phase: ten points to adapt to, ten to be judged by."""
    height, phase = 0.5 + 1.5 * torch.rand(1), 3.1416 * torch.rand(1)
    x = torch.rand(20, 1) * 6 - 3
    y = height * torch.sin(x + phase)
    return x[:10], y[:10], x[10:], y[10:]

def adapt(x, y):
    weights = dict(model.named_parameters())
    for _ in range(inner_steps):
        loss = nn.functional.mse_loss(functional_call(model, weights, (x,)), y)
        gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        weights = {name: w - inner_lr * g for (name, w), g in zip(weights.items(), gradients)}
    return weights
# %%
for epoch in range(5):
    total = 0.0
    for _ in range(25):
        meta_optimizer.zero_grad()
        meta_loss = 0.0
        for _ in range(4):
            x_support, y_support, x_query, y_query = sample_task()
            adapted = adapt(x_support, y_support)
            meta_loss = meta_loss + nn.functional.mse_loss(functional_call(model, adapted, (x_query,)), y_query) / 4
        meta_loss.backward()
        meta_optimizer.step()
        total += meta_loss.item()
    print(f"epoch {epoch + 1}: loss after adaptation {total / 25:.3f}")
