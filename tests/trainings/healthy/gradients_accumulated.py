# Four small batches to a step, the loss divided by four, the rest of the epoch stepped as well.
# Score: above 0.85
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
accumulation_steps = 4
# %%
centres = torch.randn(6, 20) * 0.8
def draw(n):
    y = torch.randint(6, (n,))
    return TensorDataset(centres[y] + 0.8 * torch.randn(n, 20), y)

train_loader = DataLoader(draw(1000), batch_size=16, shuffle=True)
test_loader = DataLoader(draw(300), batch_size=100)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 6))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
# %%
for epoch in range(5):
    model.train()
    optimizer.zero_grad()
    running_loss = 0.0
    for i, (inputs, labels) in enumerate(train_loader):
        loss = criterion(model(inputs), labels)
        (loss / accumulation_steps).backward()
        running_loss += loss.item()
        if (i + 1) % accumulation_steps == 0 or i + 1 == len(train_loader):
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        correct = sum((model(inputs).argmax(1) == labels).sum().item() for inputs, labels in test_loader)
    print(f"epoch {epoch + 1}: loss {running_loss / len(train_loader):.3f}, test accuracy {correct / 300:.3f}")
