# A GAN as in the textbook: the discriminator steps on detached fakes, then the generator.
# Score: below 0.45
# %%
import torch
from torch import nn, optim

torch.manual_seed(0)
latent_dim, batch_size = 4, 64
# %%
def real_batch(n):
    angle = 6.2832 * torch.rand(n)
    return torch.stack([1.5 + 0.8 * angle.cos(), 0.5 + 0.8 * angle.sin()], 1) + 0.05 * torch.randn(n, 2)

G = nn.Sequential(nn.Linear(latent_dim, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
opt_g = optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
criterion = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(batch_size, 1), torch.zeros(batch_size, 1)
# %%
for epoch in range(5):
    for _ in range(110):
        # discriminator
        fake = G(torch.randn(batch_size, latent_dim))
        opt_d.zero_grad()
        loss_d = criterion(D(real_batch(batch_size)), ones) + criterion(D(fake.detach()), zeros)
        loss_d.backward()
        opt_d.step()
        # generator
        opt_g.zero_grad()
        loss_g = criterion(D(fake), ones)
        loss_g.backward()
        opt_g.step()
    print(f"epoch {epoch + 1}: loss of D {loss_d.item():.3f}, loss of G {loss_g.item():.3f}")
# %%
with torch.no_grad():
    distance = (G(torch.randn(500, latent_dim)).mean(0) - torch.tensor([1.5, 0.5])).norm()
print("distance of the centres:", distance.item())
