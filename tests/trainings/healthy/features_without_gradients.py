# The features of a frozen network are computed under no_grad, as its output is no part of what is trained.
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(41)
centres = torch.randn(4, 16)
y = torch.randint(4, (1200,))
x = centres[y] + 0.7 * torch.randn(1200, 16)
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=30, shuffle=True)
test_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=100)
# %%
class Probe(nn.Module):
    def __init__(self, backbone, head):
        super().__init__()
        self.backbone, self.head = backbone, head

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, inputs):
        with torch.no_grad():
            features = self.backbone(inputs)
        return self.head(features)

backbone = nn.Sequential(nn.Linear(16, 64), nn.BatchNorm1d(64), nn.ReLU())
probe = Probe(backbone, nn.Linear(64, 4))
optimizer = torch.optim.AdamW(probe.head.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()
# %%
for epoch in range(4):
    probe.train()
    for inputs, labels in train_loader:
        loss = criterion(probe(inputs), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    probe.eval()
    with torch.inference_mode():
        correct = sum((probe(inputs).argmax(1) == labels).sum().item() for inputs, labels in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, accuracy {correct / 300:.3f}")
