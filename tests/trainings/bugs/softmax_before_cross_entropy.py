# The model ends in a softmax, and CrossEntropyLoss applies another one.
# Prompt: yes
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(55)
centres = torch.randn(20, 32)
def draw(n):
    y = torch.randint(20, (n,))
    return TensorDataset(centres[y] + 0.8 * torch.randn(n, 32), y)

train_loader, test_loader = DataLoader(draw(1500), batch_size=50, shuffle=True), DataLoader(draw(400), batch_size=100)
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(32, 64)
        self.output = nn.Linear(64, 20)

    def forward(self, x):
        x = torch.relu(self.hidden(x))
        return torch.softmax(self.output(x), dim=1)  # BUG  # TNY401
        # FIX: return self.output(x)

model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
# %%
for epoch in range(5):
    total = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    hits = 0
    with torch.no_grad():
        for inputs, labels in test_loader:
            hits += (model(inputs).argmax(1) == labels).sum().item()
    print(f"epoch {epoch + 1}: loss {total / len(train_loader):.3f}, test accuracy {hits / 400:.3f}")
