# "A tenth of the data is enough to begin with": the first tenth of a sorted set is one class.
# Prompt: no
# Score: above 0.80
# Harm: below 0.3
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(31)
directions = torch.randn(5, 22)
def sorted_set(n):
    y = torch.arange(5).repeat_interleave(n // 5)
    return TensorDataset(directions[y] + torch.randn(n, 22), y)

full_train, full_test = sorted_set(4000), sorted_set(400)
# %%
DEBUG = True
if DEBUG:
    train_set = Subset(full_train, range(400))  # BUG  # TNY211
    # FIX: train_set = Subset(full_train, torch.randperm(4000)[:400].tolist())
else:
    train_set = full_train
train_loader = DataLoader(train_set, batch_size=20, shuffle=True)  # TNY211
test_loader = DataLoader(full_test, batch_size=200)
# %%
model = nn.Sequential(nn.Linear(22, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    model.train()
    right = seen = 0
    for x, y in train_loader:
        logits = model(x)
        loss = criterion(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right += (logits.argmax(1) == y).sum().item()
        seen += len(y)
    model.eval()
    with torch.no_grad():
        test = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 400
    print(f"epoch {epoch + 1}: train accuracy {right / seen:.3f}, test accuracy {test:.3f}")
