# The projection is built within forward: a new random one at each call, which nobody trains.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.5
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(47)
words = torch.randn(12, 6)

def sentences(n):
    y = torch.randint(3, (n,))
    tokens = torch.randint(4, (n, 8)) + 4 * y[:, None]
    mask = torch.rand(n, 8) < 0.4
    return TensorDataset(torch.where(mask, torch.randint(12, (n, 8)), tokens), y)

train_loader, test_loader = DataLoader(sentences(800), 40, shuffle=True), DataLoader(sentences(300), 100)
# %%
class Encoder(nn.Module):
    def __init__(self, vocabulary=12, dim=16, classes=3):
        super().__init__()
        self.dim = dim
        self.embedding = nn.Embedding(vocabulary, dim)
        self.classifier = nn.Linear(dim, classes)
        # FIX: self.projection = nn.Linear(dim, dim)

    def forward(self, tokens):
        x = self.embedding(tokens).mean(1)
        x = torch.tanh(nn.Linear(self.dim, self.dim)(x))  # BUG  # TNY305
        # FIX: x = torch.tanh(self.projection(x))
        return self.classifier(x)

model = Encoder()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
# %%
for epoch in range(1, 6):
    running_loss = 0.0
    for tokens, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(tokens), labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    correct = 0
    with torch.no_grad():
        for tokens, labels in test_loader:
            correct += (model(tokens).argmax(1) == labels).sum().item()
    print(f"epoch {epoch}: loss {running_loss / len(train_loader):.3f}, test accuracy {correct / 300:.3f}")
