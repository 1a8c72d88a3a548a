# The predictions for the test set are made once, before the loop: the accuracy is the same in every epoch.
# Prompt: no
# Score: above 0.80
# Harm: below 0.5
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(69)
centres = torch.randn(5, 15)
y = torch.randint(5, (1300,))
x = centres[y] + 0.8 * torch.randn(1300, 15)
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=50, shuffle=True)
test_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=100)
# %%
model = nn.Sequential(nn.Linear(15, 48), nn.ReLU(), nn.Linear(48, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss()

@torch.no_grad()
def predict(loader):
    model.eval()
    return torch.cat([model(inputs).argmax(1) for inputs, _ in loader])
# %%
predictions = predict(test_loader)  # BUG  # TNY708
for epoch in range(6):
    model.train()
    running = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        running += loss.item()
    # FIX: predictions = predict(test_loader)
    accuracy = (predictions == y[1000:]).float().mean().item()  # TNY708
    print(f"epoch {epoch + 1}: loss {running / len(train_loader):.3f}, test accuracy {accuracy:.3f}")  # TNY708
