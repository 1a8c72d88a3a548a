# Forward in bfloat16, weights and loss in float32, no scaler: bfloat16 needs none.
# Score: above 0.85
# %%
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(13)
templates = torch.randn(6, 1, 8, 8)

def images(n):
    labels = torch.randint(6, (n,))
    return TensorDataset(templates[labels] + 0.9 * torch.randn(n, 1, 8, 8), labels)

train_loader = DataLoader(images(700), batch_size=35, shuffle=True)
test_loader = DataLoader(images(300), batch_size=100)
# %%
model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 6))
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(4):
    model.train()
    total_loss = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
            logits = model(x)
            loss = loss_fn(logits.float(), y)
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    model.eval()
    with torch.no_grad(), torch.autocast(device_type="cpu", dtype=torch.bfloat16):
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
    print(f"epoch {epoch + 1}: loss {total_loss / len(train_loader):.3f}, test accuracy {right / 300:.3f}")
