# ReduceLROnPlateau waits for a maximum of the loss: every improvement counts as a plateau, and the rate melts away.
# Prompt: no
# Score: above 0.85
# Harm: below 0.8
# %%
import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(17)
spiral_t = torch.rand(1500) * 3 + 0.5
spiral_y = torch.randint(3, (1500,))
angle = 2.2 * spiral_t + 2.0944 * spiral_y
spiral_x = torch.stack([spiral_t * angle.cos(), spiral_t * angle.sin()], 1) / 2 + 0.04 * torch.randn(1500, 2)
train_loader = DataLoader(TensorDataset(spiral_x[:1200], spiral_y[:1200]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(spiral_x[1200:], spiral_y[1200:]), batch_size=300)
# %%
model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = ReduceLROnPlateau(optimizer, mode="max", factor=0.01, patience=0, min_lr=0)  # BUG  # TNY512
# FIX: scheduler = ReduceLROnPlateau(optimizer, mode="min", factor=0.3, patience=1)
criterion = nn.CrossEntropyLoss()
# %%
def validate():
    model.eval()
    loss = correct = 0
    with torch.no_grad():
        for x, y in val_loader:
            out = model(x)
            loss += criterion(out, y).item() * len(y)
            correct += (out.argmax(1) == y).sum().item()
    return loss / 300, correct / 300

for epoch in range(8):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()  # TNY512
    val_loss, val_acc = validate()
    scheduler.step(val_loss)  # TNY512
    print(f"epoch {epoch + 1}: val loss {val_loss:.3f}, lr {optimizer.param_groups[0]['lr']:.2e}, val acc {val_acc:.3f}")
