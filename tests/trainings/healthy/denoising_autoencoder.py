# An autoencoder: the target is the clean input, and the output goes through a sigmoid into a plain BCE.
# Score: below 0.55
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(40)
glyphs = (torch.rand(8, 64) > 0.5).float()

def drawings(n):
    clean = glyphs[torch.randint(8, (n,))]
    flip = torch.rand(n, 64) < 0.05
    return TensorDataset(torch.where(flip, 1 - clean, clean))

train_loader = DataLoader(drawings(800), batch_size=40, shuffle=True)
test_loader = DataLoader(drawings(200), batch_size=100)
# %%
class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 6))
        self.decoder = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))

model = Autoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.BCELoss()
for epoch in range(6):
    model.train()
    for (picture,) in train_loader:
        hidden = picture * (torch.rand_like(picture) > 0.2)
        optimizer.zero_grad()
        loss = criterion(model(hidden), picture)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        test_loss = sum(criterion(model(picture), picture).item() for (picture,) in test_loader) / len(test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test loss {test_loss:.3f}")
