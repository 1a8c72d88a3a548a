# The generator steps first, and its backward leaves gradients in the discriminator, which are cleared before its turn.
# Score: below 0.5
# %%
import torch
import torch.nn as nn

torch.manual_seed(1)

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 24), nn.LeakyReLU(0.2), nn.Linear(24, 1))

    def forward(self, z):
        return self.net(z)

class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 24), nn.LeakyReLU(0.2), nn.Linear(24, 1))

    def forward(self, x):
        return self.net(x).squeeze(1)
# %%
generator, discriminator = Generator(), Discriminator()
optimizers = {
    "generator": torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.99)),
    "discriminator": torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.99)),
}
bce = nn.functional.binary_cross_entropy_with_logits
for step in range(1, 601):
    real = 3 + 0.7 * torch.randn(50, 1)
    fake = generator(torch.randn(50, 3))

    optimizers["generator"].zero_grad()
    verdict = discriminator(fake)
    g_loss = bce(verdict, torch.ones_like(verdict))
    g_loss.backward()
    optimizers["generator"].step()

    optimizers["discriminator"].zero_grad()
    verdict = discriminator(torch.cat([real, fake.detach()]))
    d_loss = bce(verdict, torch.cat([torch.ones(50), torch.zeros(50)]))
    d_loss.backward()
    optimizers["discriminator"].step()
    if step % 150 == 0:
        print(f"step {step}: g {g_loss:.3f} d {d_loss:.3f}")
# %%
with torch.no_grad():
    print("mean of the fakes is off by", (generator(torch.randn(1000, 3)).mean() - 3).abs().item())
