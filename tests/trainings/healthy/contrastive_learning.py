# SimCLR in small: labels of the loss are made from the batch itself, and a linear probe measures the features.
# Score: above 0.75
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(38)
centres = torch.randn(5, 20) * 0.8
y = torch.randint(5, (900,))
x = centres[y] + 0.5 * torch.randn(900, 20)
train_loader = DataLoader(TensorDataset(x[:700]), batch_size=50, shuffle=True)
# %%
encoder = nn.Sequential(nn.Linear(20, 48), nn.ReLU(), nn.Linear(48, 16))
projector = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 8))
optimizer = torch.optim.Adam([*encoder.parameters(), *projector.parameters()], lr=3e-3)
augment = lambda v: v * (torch.rand_like(v) > 0.1) + 0.2 * torch.randn_like(v)

def info_nce(a, b, temperature=0.3):
    logits = F.normalize(a, dim=1) @ F.normalize(b, dim=1).t() / temperature
    return F.cross_entropy(logits, torch.arange(len(a)))

for epoch in range(6):
    for (batch,) in train_loader:
        loss = info_nce(projector(encoder(augment(batch))), projector(encoder(augment(batch))))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: contrastive loss {loss.item():.3f}")
# %% [markdown]
# Linear probe on frozen features
# %%
with torch.no_grad():
    features = encoder(x)
probe = nn.Linear(16, 5)
probe_optimizer = torch.optim.Adam(probe.parameters(), lr=2e-2)
for step in range(80):
    index = torch.randint(700, (64,))
    probe_optimizer.zero_grad()
    F.cross_entropy(probe(features[index]), y[index]).backward()
    probe_optimizer.step()
print("probe accuracy:", (probe(features[700:]).argmax(1) == y[700:]).float().mean().item())
