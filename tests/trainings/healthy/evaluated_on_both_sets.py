# After each epoch the accuracy is measured on the training set and on the test set.
# Score: above 0.80
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(31)
centres = torch.randn(5, 15) * 0.9
labels = torch.randint(5, (1300,))
dataset = TensorDataset(centres[labels] + 0.9 * torch.randn(1300, 15), labels)
train_set, test_set = random_split(dataset, [1000, 300], generator=torch.Generator().manual_seed(31))
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
test_loader = DataLoader(test_set, batch_size=150)
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(15, 64), nn.Linear(64, 5)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x):
        return self.fc2(self.dropout(F.relu(self.fc1(x))))

def accuracy(model, loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(1) == y).sum().item()
            total += y.size(0)
    return right / total

def train(model, epochs, lr):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    history = {"train": [], "test": []}
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        history["train"].append(accuracy(model, train_loader))
        history["test"].append(accuracy(model, test_loader))
        print(f"epoch {epoch + 1}: train {history['train'][-1]:.3f}, test {history['test'][-1]:.3f}")
    return history

history = train(Net(), epochs=5, lr=4e-3)
