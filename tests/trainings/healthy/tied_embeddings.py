# The output layer uses the embedding's matrix (the same Parameter), as language models do.
# Score: above 0.65
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

torch.manual_seed(23)
VOCABULARY, DIM = 16, 24
follower = torch.randperm(VOCABULARY)

def sentences(n, length=10):
    words = [torch.randint(VOCABULARY, (n,))]
    for _ in range(length):
        usual = torch.rand(n) < 0.85
        words.append(torch.where(usual, follower[words[-1]], torch.randint(VOCABULARY, (n,))))
    return torch.stack(words, 1)

train_loader = DataLoader(sentences(600), batch_size=30, shuffle=True)
test_sentences = sentences(100)
# %%
class TinyLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, DIM)
        self.mixer = nn.Sequential(nn.Linear(DIM, 64), nn.GELU(), nn.Linear(64, DIM))
        self.lm_head = nn.Linear(DIM, VOCABULARY, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.lm_head.weight = self.embedding.weight

    def forward(self, words):
        return self.lm_head(self.mixer(self.embedding(words)))

lm = TinyLM()
optimizer = torch.optim.AdamW(lm.parameters(), lr=5e-3)
for epoch in range(5):
    total = 0.0
    for words in train_loader:
        optimizer.zero_grad()
        logits = lm(words[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, VOCABULARY), words[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        hits = (lm(test_sentences[:, :-1]).argmax(-1) == test_sentences[:, 1:]).float().mean().item()
    print(f"epoch {epoch + 1}: perplexity {torch.tensor(total / len(train_loader)).exp():.2f}, next word {hits:.3f}")
