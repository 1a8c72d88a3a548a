# The discriminator's optimizer got the parameters of the generator, too: it makes the fakes easy to tell.
# Prompt: no
# Score: below 0.45
# Harm: above 0.6
# %%
import itertools

import torch
from torch import nn

torch.manual_seed(0)
latent, batch = 4, 64
# %% [markdown]
# A GAN for a cloud of points round (2, -1), the second coordinate following the first
# %%
def real_points(n):
    a = torch.randn(n, 1)
    return torch.cat([2 + 0.5 * a, -1 + 0.5 * a + 0.2 * torch.randn(n, 1)], dim=1)

generator = nn.Sequential(nn.Linear(latent, 32), nn.LeakyReLU(0.2), nn.Linear(32, 2))
discriminator = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
# %%
optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
optimizer_d = torch.optim.Adam(  # TNY510
    itertools.chain(generator.parameters(), discriminator.parameters()), lr=2e-3, betas=(0.5, 0.999)  # BUG  # TNY510
    # FIX: discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999)
)
bce = nn.BCEWithLogitsLoss()
real_label, fake_label = torch.ones(batch, 1), torch.zeros(batch, 1)
# %%
for step in range(800):
    fake = generator(torch.randn(batch, latent))

    optimizer_d.zero_grad()
    loss_d = bce(discriminator(real_points(batch)), real_label) + bce(discriminator(fake), fake_label)
    loss_d.backward()
    optimizer_d.step()

    optimizer_g.zero_grad()
    loss_g = bce(discriminator(generator(torch.randn(batch, latent))), real_label)
    loss_g.backward()
    optimizer_g.step()
    if step % 200 == 199:
        print(f"step {step + 1}: D {loss_d.item():.3f}, G {loss_g.item():.3f}")
# %%
with torch.no_grad():
    made = generator(torch.randn(1000, latent))
print("distance of the means:", round((made.mean(0) - torch.tensor([2.0, -1.0])).norm().item(), 3))
