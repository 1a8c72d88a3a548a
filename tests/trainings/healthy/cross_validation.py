# Five folds: what is trained on in one fold is validated on in the next, each time by a new model.
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(50)
FOLDS, EPOCHS = 5, 4
centres = torch.randn(4, 12)
labels = torch.randint(4, (600,))
dataset = TensorDataset(centres[labels] + 0.9 * torch.randn(600, 12), labels)
folds = torch.randperm(len(dataset)).chunk(FOLDS)
# %%
scores = []
for fold in range(FOLDS):
    train_index = torch.cat([part for k, part in enumerate(folds) if k != fold])
    train_loader = DataLoader(Subset(dataset, train_index.tolist()), batch_size=32, shuffle=True)
    val_loader = DataLoader(Subset(dataset, folds[fold].tolist()), batch_size=120)
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(EPOCHS):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    scores.append(right / len(folds[fold]))
    print(f"fold {fold + 1}: loss {loss.item():.3f}, val accuracy {scores[-1]:.3f}")
print("mean accuracy:", sum(scores) / FOLDS)
