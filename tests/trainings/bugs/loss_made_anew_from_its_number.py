# "element 0 of tensors does not require grad" was cured with requires_grad=True: the graph is still cut.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.5
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(58)
means = torch.randn(4, 10)
t = torch.randint(4, (1000,))
d = means[t] + 0.8 * torch.randn(1000, 10)
train_loader = DataLoader(TensorDataset(d[:700], t[:700]), batch_size=35, shuffle=True)
test_loader = DataLoader(TensorDataset(d[700:], t[700:]), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
# %%
for epoch in range(5):
    epoch_loss = 0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, targets)
        loss = torch.tensor(loss.item(), requires_grad=True)  # BUG  # TNY415
        loss.backward()  # TNY415
        optimizer.step()
        epoch_loss += loss.item()
    correct = 0
    with torch.no_grad():
        for inputs, targets in test_loader:
            correct += (model(inputs).argmax(1) == targets).sum().item()
    print(f"epoch {epoch + 1}: loss {epoch_loss / len(train_loader):.3f}, test accuracy {correct / 300:.3f}")
