# The biases of the hidden layer start at -6 ("sparse activations"): no unit ever fires, none gets a gradient.
# Prompt: no
# Score: above 0.80
# Harm: below 0.5
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(67)
centres = torch.randn(5, 12)
y = torch.randint(5, (1200,))
x = centres[y] + 0.7 * torch.randn(1200, 12)
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=30, shuffle=True)
test_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=300)
# %%
class Sparse(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.hidden = nn.Linear(12, hidden)
        self.out = nn.Linear(hidden, 5)
        nn.init.constant_(self.hidden.bias, -6.0)  # BUG  # TNY414
        # FIX: nn.init.constant_(self.hidden.bias, -0.1)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))  # TNY414

model = Sparse()  # TNY414
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()
for epoch in range(5):
    model.train()
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        inputs, targets = next(iter(test_loader))
        accuracy = (model(inputs).argmax(1) == targets).float().mean().item()
    print(f"epoch {epoch + 1}: train loss {loss.item():.3f}, test accuracy {accuracy:.3f}")
