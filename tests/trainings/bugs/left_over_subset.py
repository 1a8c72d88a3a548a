# A line from debugging keeps 40 samples of the training set: the network learns them by heart.
# Prompt: no
# Score: above 0.80
# Harm: below 0.75
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(68)
centres = 0.28 * torch.randn(4, 40)
def draw(n):
    y = torch.randint(4, (n,))
    return TensorDataset(centres[y] + torch.randn(n, 40), y)

train_set, val_set = draw(1800), draw(400)
# %%
train_set = Subset(train_set, range(40))  # BUG  # TNY704
train_loader = DataLoader(train_set, batch_size=20, shuffle=True)  # TNY704
val_loader = DataLoader(val_set, batch_size=100)
# %%
model = nn.Sequential(nn.Linear(40, 128), nn.ReLU(), nn.Linear(128, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()

def run(loader, train):
    model.train(train)
    loss_sum = right = seen = 0
    with torch.set_grad_enabled(train):
        for x, y in loader:
            logits = model(x)
            loss = criterion(logits, y)
            if train:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(y)
            right += (logits.argmax(1) == y).sum().item()
            seen += len(y)
    return loss_sum / seen, right / seen
# %%
epochs = 8
epochs *= 20  # BUG
for epoch in range(epochs):
    train_loss, train_accuracy = run(train_loader, train=True)  # TNY704
    val_loss, val_accuracy = run(val_loader, train=False)
    if epoch % (epochs // 8) == epochs // 8 - 1:
        print(f"epoch {epoch + 1}: {train_loss:.3f} {train_accuracy:.3f} | {val_loss:.3f} {val_accuracy:.3f}")
