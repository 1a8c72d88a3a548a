# Dropout is left on in the evaluation on purpose: twenty passes give a mean and an uncertainty.
# Score: above 0.80
# %%
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(51)
centres = torch.randn(5, 16)
y = torch.randint(5, (1200,))
x = centres[y] + 0.8 * torch.randn(1200, 16)
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=45, shuffle=True)
test_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=100)
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss()
# %%
def enable_dropout(network):
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.train()

@torch.no_grad()
def predict(inputs, passes=20):
    model.eval()
    enable_dropout(model)
    votes = torch.stack([model(inputs).softmax(dim=1) for _ in range(passes)])
    return votes.mean(0), votes.std(0)

for epoch in range(4):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    right = doubt = 0.0
    for inputs, labels in test_loader:
        mean, spread = predict(inputs)
        right += (mean.argmax(1) == labels).sum().item()
        doubt += spread.mean().item() / len(test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, doubt {doubt:.3f}, test accuracy {right / 300:.3f}")
