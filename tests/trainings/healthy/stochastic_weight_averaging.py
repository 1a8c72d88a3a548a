# SWA: the averaged model is updated at the end of each late epoch, its batch norm statistics are computed afterwards.
# Score: above 0.85
# %%
import torch
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(42)
centres = torch.randn(6, 20) * 0.8
def draw(n):
    y = torch.randint(6, (n,))
    return TensorDataset(centres[y] + 0.8 * torch.randn(n, 20), y)

train_loader = DataLoader(draw(1000), batch_size=50, shuffle=True)
test_loader = DataLoader(draw(300), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(20, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 6))
swa_model = AveragedModel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
swa_scheduler = SWALR(optimizer, swa_lr=0.02, anneal_epochs=1)
criterion = nn.CrossEntropyLoss()

@torch.no_grad()
def accuracy(network):
    network.eval()
    return sum((network(x).argmax(1) == y).sum().item() for x, y in test_loader) / 300

for epoch in range(6):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    if epoch >= 3:
        swa_model.update_parameters(model)
        swa_scheduler.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {accuracy(model):.3f}")
# %%
update_bn(train_loader, swa_model)
print("averaged:", accuracy(swa_model))
