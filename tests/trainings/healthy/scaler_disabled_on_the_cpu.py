# The usual AMP loop on a machine without GPU: autocast and GradScaler are disabled and do nothing.
# Score: above 0.85
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

device = "cuda" if torch.cuda.is_available() else "cpu"
use_amp = device == "cuda"
torch.manual_seed(11)
# %%
centres = torch.randn(6, 16)
def draw(n):
    y = torch.randint(6, (n,))
    return TensorDataset(centres[y] + torch.randn(n, 16), y)

train_loader = DataLoader(draw(1000), batch_size=40, shuffle=True)
test_loader = DataLoader(draw(300), batch_size=100)
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 6)).to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss()
scaler = torch.amp.GradScaler(device, enabled=use_amp)
# %%
for epoch in range(5):
    model.train()
    for x, y in train_loader:
        x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, enabled=use_amp):
            loss = criterion(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    model.eval()
    right = 0
    with torch.inference_mode():
        for x, y in test_loader:
            right += (model(x.to(device)).argmax(1) == y.to(device)).sum().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {right / 300:.3f}")
