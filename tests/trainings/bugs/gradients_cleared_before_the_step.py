# zero_grad() slipped between backward() and step(): there is nothing left to step with.
# Prompt: yes
# Score: above 0.85
# Harm: below 0.5
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(19)
# %%
def tokens(n):
    """Sequences of 12 tokens; the class is the token that occurs most often among 0 to 3."""
    label = torch.randint(4, (n,))
    text = torch.randint(10, (n, 12))
    where = torch.rand(n, 12).argsort(1)[:, :6]
    text.scatter_(1, where, label[:, None].expand(-1, 6))
    return TensorDataset(text, label)

loaders = {
    "train": DataLoader(tokens(1000), batch_size=50, shuffle=True),
    "test": DataLoader(tokens(400), batch_size=200),
}
# %%
class BagOfWords(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.EmbeddingBag(10, 16)
        self.classifier = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, text):
        return self.classifier(self.embedding(text))

model = BagOfWords()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
# %%
for epoch in range(5):
    for text, label in loaders["train"]:
        # FIX: optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(text), label)
        loss.backward()
        optimizer.zero_grad()  # BUG  # TNY507
        optimizer.step()
    right = 0
    with torch.no_grad():
        for text, label in loaders["test"]:
            right += (model(text).argmax(1) == label).sum().item()
    print("epoch", epoch + 1, "loss", round(loss.item(), 3), "test", right / 400)
