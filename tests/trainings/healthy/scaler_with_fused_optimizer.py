# The scale of a GradScaler is divided out by a fused optimizer itself; the gradients of three batches are added up, the
# first steps are skipped, and the averaged weights of AveragedModel are evaluated.
# Score: above 0.85
# %%
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
centres = torch.randn(5, 20)
y = torch.randint(5, (1500,))
x = centres[y] + torch.randn(1500, 20)
train_loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=20, shuffle=True)
test_loader = DataLoader(TensorDataset(x[1200:], y[1200:]), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 5))
average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, fused=True)
criterion = nn.CrossEntropyLoss()
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=100)
ACCUMULATED = 3
# %%
for epoch in range(5):
    model.train()
    optimizer.zero_grad()
    for step, (inputs, labels) in enumerate(train_loader):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = criterion(model(inputs), labels) / ACCUMULATED
        scaler.scale(loss).backward()
        if (step + 1) % ACCUMULATED == 0:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            average.update_parameters(model)
    average.eval()
    with torch.no_grad():
        correct = sum((average(inputs).argmax(1) == labels).sum().item() for inputs, labels in test_loader)
    print(f"epoch {epoch + 1}: scale {scaler.get_scale():.3g}, loss {loss.item():.3f}, accuracy {correct / 300:.3f}")
