# zero_grad() stands in the loop over the epochs instead of that over the batches.
# Prompt: yes
# Score: above 0.85
# %%
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(0)
torch.manual_seed(0)
# %%
# made with numpy, as it came from the lab
classes, features = 4, 14
centre = np.random.randn(classes, features) * 1.3
Y = np.random.randint(classes, size=1000)
X = centre[Y] + np.random.randn(1000, features)
X = (X - X[:750].mean(0)) / X[:750].std(0)
as_tensors = lambda part: TensorDataset(torch.from_numpy(X[part]).float(), torch.from_numpy(Y[part]).long())
train_loader = DataLoader(as_tensors(slice(0, 750)), batch_size=25, shuffle=True)
test_loader = DataLoader(as_tensors(slice(750, 1000)), batch_size=250)
# %%
class MLP(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.fc1 = nn.Linear(features, hidden)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.fc2(F.relu(self.bn1(self.fc1(x))))
# %%
def train(model, optimizer, epochs):
    for epoch in range(epochs):
        model.train()
        optimizer.zero_grad()  # BUG
        correct = total = 0
        for inputs, targets in train_loader:
            # FIX: optimizer.zero_grad()
            outputs = model(inputs)
            loss = F.cross_entropy(outputs, targets)
            loss.backward()
            optimizer.step()  # TNY506
            correct += (outputs.argmax(1) == targets).sum().item()
            total += len(targets)
        print(f"epoch {epoch + 1}: train accuracy {correct / total:.3f}", end=", ")
        test(model)

def test(model):
    model.eval()
    with torch.no_grad():
        inputs, targets = next(iter(test_loader))
        print(f"test accuracy {(model(inputs).argmax(1) == targets).float().mean():.3f}")

model = MLP()
train(model, torch.optim.SGD(model.parameters(), lr=0.05), epochs=4)
