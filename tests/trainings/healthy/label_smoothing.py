# Strong label smoothing: the training loss cannot come near zero, and stays close to that of a guess in value.
# Score: above 0.85
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(48)
patterns = torch.randn(8, 1, 6, 6)
def pictures(n):
    y = torch.randint(8, (n,))
    return TensorDataset(patterns[y] + 0.7 * torch.randn(n, 1, 6, 6), y)

train_loader = DataLoader(pictures(900), batch_size=45, shuffle=True)
test_loader = DataLoader(pictures(300), batch_size=100)
model = nn.Sequential(nn.Conv2d(1, 10, 3), nn.ReLU(), nn.Flatten(), nn.Linear(160, 8))
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
train_criterion = nn.CrossEntropyLoss(label_smoothing=0.4)
# %%
best = 0.0
for epoch in range(5):
    model.train()
    epoch_loss = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = train_criterion(model(x), y)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / len(train_loader)
    model.eval()
    with torch.no_grad():
        accuracy = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 300
    best = max(best, accuracy)
    print(f"epoch {epoch + 1}: smoothed loss {epoch_loss:.3f}, test accuracy {accuracy:.3f}, best {best:.3f}")
