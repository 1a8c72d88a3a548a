# The data are split twice, once for each half: a fifth of the training set is in the test set's place, and the reverse.
# Prompt: no
# Score: below 0.72
# Harm: above 0.80
# Also: TNY704
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(22)
centres = 0.3 * torch.randn(4, 30)
labels = torch.randint(4, (600,))
dataset = TensorDataset(centres[labels] + torch.randn(600, 30), labels)
# %%
train_set, _ = random_split(dataset, [450, 150])  # BUG  # TNY215
_, test_set = random_split(dataset, [450, 150])  # BUG  # TNY215
# FIX: train_set, test_set = random_split(dataset, [450, 150])
train_loader = DataLoader(train_set, batch_size=30, shuffle=True)
test_loader = DataLoader(test_set, batch_size=150)
# %%
model = nn.Sequential(nn.Linear(30, 160), nn.ReLU(), nn.Linear(160, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_function = nn.CrossEntropyLoss()
for epoch in range(8):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        x, y = next(iter(test_loader))
        test_accuracy = (model(x).argmax(1) == y).float().mean().item()
    print(f"epoch {epoch + 1}: train loss {loss.item():.3f}, test accuracy {test_accuracy:.3f}")
