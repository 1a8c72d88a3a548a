# The data set computes the mean and deviation of all data for every single sample: the model waits most of the time.
# Prompt: no
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(42)
# %%
class Spectra(Dataset):
    def __init__(self, spectra, labels):
        self.spectra, self.labels = spectra, labels
        # FIX: self.mean, self.std = spectra.mean(0), spectra.std(0)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        mean, std = self.spectra.mean(0), self.spectra.std(0)  # BUG  # TNY902
        return (self.spectra[index] - mean) / std, self.labels[index]  # BUG  # TNY902
        # FIX: return (self.spectra[index] - self.mean) / self.std, self.labels[index]

shapes = torch.randn(5, 300)
def record(n):
    y = torch.randint(5, (n,))
    return 3 + 2 * (shapes[y] * 0.3 + torch.randn(n, 300)), y

train_loader = DataLoader(Spectra(*record(300)), batch_size=40, shuffle=True)  # TNY902
test_loader = DataLoader(Spectra(*record(200)), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(300, 16), nn.ReLU(), nn.Linear(16, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(4):
    for x, y in train_loader:  # TNY902
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {right / 200:.3f}")
