# One model, two optimizers: SparseAdam for the embedding, AdamW for the rest; neither holds all of it.
# Score: above 0.80
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(45)
VOCABULARY, CLASSES = 60, 4

def documents(n):
    y = torch.randint(CLASSES, (n,))
    topic = torch.randint(15, (n, 12)) + 15 * y[:, None]
    noise = torch.randint(VOCABULARY, (n, 12))
    return TensorDataset(torch.where(torch.rand(n, 12) < 0.5, topic, noise), y)

train_loader = DataLoader(documents(900), batch_size=30, shuffle=True)
test_loader = DataLoader(documents(300), batch_size=100)
# %%
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 16, sparse=True)
        self.classifier = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, CLASSES))

    def forward(self, words):
        return self.classifier(self.embedding(words).mean(1))

model = Reader()
optimizers = [
    torch.optim.SparseAdam(model.embedding.parameters(), lr=1e-2),
    torch.optim.AdamW(model.classifier.parameters(), lr=5e-3),
]
for epoch in range(5):
    for words, y in train_loader:
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = F.cross_entropy(model(words), y)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    with torch.no_grad():
        right = sum((model(words).argmax(1) == y).sum().item() for words, y in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {right / 300:.3f}")
