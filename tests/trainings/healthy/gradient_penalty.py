# WGAN-GP: the loss holds a gradient, so backward runs through a backward (create_graph=True).
# Score: below 0.6
# %%
import torch
from torch import autograd, nn

torch.manual_seed(3)
generator = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
critic = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
g_optimizer = torch.optim.Adam(generator.parameters(), lr=5e-3, betas=(0.5, 0.9))
c_optimizer = torch.optim.Adam(critic.parameters(), lr=5e-3, betas=(0.5, 0.9))

def gradient_penalty(real, fake):
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * fake).requires_grad_(True)
    (gradient,) = autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((gradient.norm(2, dim=1) - 1) ** 2).mean()
# %%
for epoch in range(4):
    for _ in range(50):
        for _ in range(3):
            real = torch.tensor([-1.0, 1.5]) + 0.4 * torch.randn(48, 2)
            fake = generator(torch.randn(48, 4)).detach()
            c_loss = critic(fake).mean() - critic(real).mean() + gradient_penalty(real, fake)
            c_optimizer.zero_grad()
            c_loss.backward()
            c_optimizer.step()
        g_loss = -critic(generator(torch.randn(48, 4))).mean()
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
    print(f"epoch {epoch + 1}: critic {c_loss.item():.3f} generator {g_loss.item():.3f}")
with torch.no_grad():
    print("off by", (generator(torch.randn(800, 4)).mean(0) - torch.tensor([-1.0, 1.5])).norm().item())
