# The gradient of a square root at zero is infinite: one pair of equal inputs makes every weight NaN.
# Prompt: no
# Score: above 0.80
# Harm: below 0.6
# %%
import torch
from torch import nn

torch.manual_seed(64)
# %% [markdown]
# A siamese network: are two samples of the same class? One pair in forty is a sample with itself.
# %%
centres = 1.2 * torch.randn(6, 16)
labels = torch.randint(6, (600,))
samples = centres[labels] + 0.6 * torch.randn(600, 16)

def pairs(n, low, high):
    a = torch.randint(low, high, (n,))
    same = torch.rand(n) < 0.5
    partner = torch.stack([(labels[low:high] == labels[i]).nonzero()[:, 0].roll(int(i))[0] + low for i in a])
    b = torch.where(same, partner, torch.randint(low, high, (n,)))
    b[::40] = a[::40]
    return samples[a], samples[b], (labels[a] == labels[b]).float()
# %%
encoder = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))

def distance(a, b):
    return ((encoder(a) - encoder(b)) ** 2).sum(1).sqrt()  # BUG  # TNY411
    # FIX: return (((encoder(a) - encoder(b)) ** 2).sum(1) + 1e-8).sqrt()

def contrastive_loss(d, same, margin=2.0):
    return (same * d**2 + (1 - same) * (margin - d).clamp(min=0) ** 2).mean()

optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-3)
test_a, test_b, test_same = pairs(300, 400, 600)
for epoch in range(6):
    a, b, same = pairs(600, 0, 400)
    for part in torch.arange(600).split(40):
        optimizer.zero_grad()
        loss = contrastive_loss(distance(a[part], b[part]), same[part])  # TNY411
        loss.backward()  # TNY411
        optimizer.step()
    with torch.no_grad():
        accuracy = ((distance(test_a, test_b) < 1.0).float() == test_same).float().mean().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {accuracy:.3f}")
