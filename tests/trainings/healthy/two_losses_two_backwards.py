# Two tasks on one trunk; each loss has a backward of its own, the first keeps the graph.
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(24)

def animals(n):
    species = torch.randint(4, (n,))
    weight = torch.randn(n)
    x = torch.randn(n, 12) * 0.6
    x[:, :4] += 2 * nn.functional.one_hot(species, 4)
    x[:, 4] += weight
    return TensorDataset(x, species, weight)

train_loader = DataLoader(animals(900), batch_size=30, shuffle=True)
test_set = animals(300)
# %%
class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(12, 48), nn.ReLU())
        self.species = nn.Linear(48, 4)
        self.weight = nn.Linear(48, 1)

    def forward(self, x):
        features = self.trunk(x)
        return self.species(features), self.weight(features).squeeze(1)

net = TwoHeads()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
classification, regression = nn.CrossEntropyLoss(), nn.MSELoss()
for epoch in range(5):
    net.train()
    for x, species, weight in train_loader:
        optimizer.zero_grad()
        logits, estimate = net(x)
        loss_a = classification(logits, species)
        loss_b = regression(estimate, weight)
        loss_a.backward(retain_graph=True)
        loss_b.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        x, species, weight = test_set.tensors
        logits, estimate = net(x)
        accuracy = (logits.argmax(1) == species).float().mean().item()
    print(f"epoch {epoch + 1}: mse {regression(estimate, weight).item():.3f} accuracy {accuracy:.3f}")
