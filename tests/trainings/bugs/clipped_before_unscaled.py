# The gradients are clipped to a norm of 1 while they still carry the loss scale of 65536: hardly anything is left.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.5
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
# %%
centres = torch.randn(5, 20)
y = torch.randint(5, (1200,))
x = centres[y] + torch.randn(1200, 20)
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=30, shuffle=True)
test_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=300)
# %%
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler(device)
criterion = nn.CrossEntropyLoss()
# %%
for epoch in range(5):
    model.train()
    total = 0.0
    for inputs, targets in train_loader:
        inputs, targets = inputs.to(device), targets.to(device)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = criterion(model(inputs), targets)
        scaler.scale(loss).backward()
        # FIX: scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # TNY416
        scaler.step(optimizer)
        scaler.update()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        inputs, targets = (t.to(device) for t in next(iter(test_loader)))
        test_accuracy = (model(inputs).argmax(1) == targets).float().mean().item()
    print(f"epoch {epoch + 1}: loss {total / len(train_loader):.3f}, test accuracy {test_accuracy:.3f}")
