# Two loaders, one of inputs and one of labels, are both shuffled and read side by side.
# Prompt: no
# Score: above 0.80
# Harm: below 0.45
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(25)
centres = torch.randn(5, 16)
labels = torch.arange(5).repeat(200)
samples = centres[labels] + 0.8 * torch.randn(1000, 16)
x_test, y_test = samples[800:], labels[800:]
# %%
input_loader = DataLoader(samples[:800], batch_size=32, shuffle=True)  # BUG  # TNY214
label_loader = DataLoader(labels[:800], batch_size=32, shuffle=True)  # BUG  # TNY214
# FIX: pair_loader = DataLoader(list(zip(samples[:800], labels[:800])), batch_size=32, shuffle=True)
# %%
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    epoch_loss = 0.0
    for x, y in zip(input_loader, label_loader):  # BUG  # TNY214
    # FIX: for x, y in pair_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / 25
    with torch.no_grad():
        accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch + 1}: loss {epoch_loss:.3f}, test accuracy {accuracy:.3f}")
