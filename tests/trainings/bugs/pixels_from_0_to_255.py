# Raw bytes go into the network: the first layer's outputs are in the hundreds.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.75
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(35)
drawings = torch.randint(90, 166, (8, 1, 8, 8)).float()

def photographs(n):
    kind = torch.randint(8, (n,))
    pixels = (drawings[kind] + 25 * torch.randn(n, 1, 8, 8)).clamp(0, 255).byte()
    return pixels, kind
# %%
pixels, kind = photographs(1000)
test_pixels, test_kind = photographs(400)
to_input = lambda pixels: pixels.float()  # BUG  # TNY213
# FIX: to_input = lambda pixels: (pixels.float() - 128) / 32
train_loader = DataLoader(TensorDataset(to_input(pixels), kind), batch_size=50, shuffle=True)  # TNY213
test_loader = DataLoader(TensorDataset(to_input(test_pixels), test_kind), batch_size=200)
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 8))

    def forward(self, x):
        return self.layers(self.flatten(x))

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()
# %%
for epoch in range(5):
    for x, y in train_loader:  # TNY213
        optimizer.zero_grad()
        loss = criterion(model(x), y)  # TNY213
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        test_accuracy = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 400
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {test_accuracy:.3f}")
