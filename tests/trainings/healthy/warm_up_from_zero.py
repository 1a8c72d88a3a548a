# The learning rate starts at exactly 0 and is raised by a scheduler with every step, then falls as a cosine.
# Score: above 0.85
# %%
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(25)
EPOCHS, WARM_UP = 6, 20
centres = torch.randn(6, 20) * 0.8
def draw(n):
    y = torch.randint(6, (n,))
    return TensorDataset(centres[y] + 0.8 * torch.randn(n, 20), y)

train_loader = DataLoader(draw(960), batch_size=32, shuffle=True)
test_loader = DataLoader(draw(300), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 6))
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
total_steps = EPOCHS * len(train_loader)

def factor(step):
    if step < WARM_UP:
        return step / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / (total_steps - WARM_UP)))

scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
criterion = nn.CrossEntropyLoss()
for epoch in range(EPOCHS):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    lr = scheduler.get_last_lr()[0]
    print(f"epoch {epoch + 1}: lr {lr:.2e}, loss {loss.item():.3f}, test accuracy {right / 300:.3f}")
