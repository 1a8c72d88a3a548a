# A Wasserstein GAN: five steps of the critic with clipped weights for one of the generator, no loss function at all.
# Score: below 0.6
# %%
import torch
from torch import nn

torch.manual_seed(2)
CRITIC_STEPS, CLIP = 5, 0.1
# %%
target_mean = torch.tensor([1.0, -1.0])
sample_real = lambda n: target_mean + 0.5 * torch.randn(n, 2)
generator = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
critic = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer_g = torch.optim.RMSprop(generator.parameters(), lr=1e-3)
optimizer_c = torch.optim.RMSprop(critic.parameters(), lr=1e-3)
# %%
for iteration in range(200):
    for _ in range(CRITIC_STEPS):
        with torch.no_grad():
            fake = generator(torch.randn(64, 2))
        loss_c = critic(fake).mean() - critic(sample_real(64)).mean()
        optimizer_c.zero_grad()
        loss_c.backward()
        optimizer_c.step()
        with torch.no_grad():
            for p in critic.parameters():
                p.clamp_(-CLIP, CLIP)
    loss_g = -critic(generator(torch.randn(64, 2))).mean()
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_g.step()
    if iteration % 40 == 39:
        print(f"iteration {iteration + 1}: critic {loss_c.item():.4f}, generator {loss_g.item():.4f}")
# %%
with torch.no_grad():
    print("off by", (generator(torch.randn(1000, 2)).mean(0) - target_mean).norm().item())
