# The samples lie sorted by class, and the training loader does not shuffle: the model only knows the last class.
# Prompt: yes
# Score: above 0.85
# Harm: below 0.6
# %%
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(28)
CLASSES, PER_CLASS = 6, 150
# %%
centres = torch.randn(CLASSES, 15)
def folder_by_folder(per_class):
    images, labels = [], []
    for c in range(CLASSES):
        images.append(centres[c] + 1.2 * torch.randn(per_class, 15))
        labels.append(torch.full((per_class,), c))
    return TensorDataset(torch.cat(images), torch.cat(labels))

train_loader = DataLoader(folder_by_folder(PER_CLASS), batch_size=30)  # BUG  # TNY205, TNY211
# FIX: train_loader = DataLoader(folder_by_folder(PER_CLASS), batch_size=30, shuffle=True)
test_loader = DataLoader(folder_by_folder(50), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(15, 64), nn.ReLU(), nn.Linear(64, CLASSES))
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
criterion = nn.CrossEntropyLoss()
for epoch in range(5):
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
    hits = 0
    with torch.no_grad():
        for images, labels in test_loader:
            hits += (model(images).argmax(1) == labels).sum().item()
    print(f"epoch {epoch + 1} loss {loss.item():.4f} test accuracy {hits / 300:.3f}")
