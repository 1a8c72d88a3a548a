# The evaluation never calls eval(): dropout is on, and batch norm learns from the test data.
# Prompt: no
# Score: above 0.85
# Harm: below 0.97
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(45)
centres = 0.8 * torch.randn(6, 20)
y = torch.randint(6, (1200,))
x = centres[y] + 0.8 * torch.randn(1200, 20)
train_dataset, test_dataset = TensorDataset(x[:800], y[:800]), TensorDataset(x[800:], y[800:])
train_loader = DataLoader(train_dataset, batch_size=40, shuffle=True)
test_loader = DataLoader(test_dataset, batch_size=40)
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 64)
        self.bn = nn.BatchNorm1d(64)
        self.dropout = nn.Dropout(0.6)
        self.fc2 = nn.Linear(64, 6)

    def forward(self, x):
        return self.fc2(self.dropout(F.relu(self.bn(self.fc1(x)))))

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
# %%
for epoch in range(6):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    # FIX: model.eval()
    correct = 0
    with torch.no_grad():
        for inputs, labels in test_loader:  # TNY302
            correct += (model(inputs).argmax(1) == labels).sum().item()  # TNY302
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {correct / len(test_dataset):.3f}")
