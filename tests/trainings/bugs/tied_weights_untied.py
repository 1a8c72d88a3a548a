# load_state_dict(assign=True) puts tensors of their own in the place of the tied weight of encoder and decoder.
# Prompt: yes
# Score: above 0.60
# %%
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(49)
VOCABULARY = 20
# %% [markdown]
# A tiny language model: each token follows from the one before by a secret table, four times in five.
# %%
table = torch.randperm(VOCABULARY)

def text(n, length):
    rows = [torch.randint(VOCABULARY, (n,))]
    for _ in range(length):
        follows = torch.rand(n) < 0.8
        rows.append(torch.where(follows, table[rows[-1]], torch.randint(VOCABULARY, (n,))))
    return torch.stack(rows, dim=1)

train_text, test_text = text(300, 12), text(100, 12)
# %%
class LanguageModel(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.decode = nn.Linear(dim, VOCABULARY)
        self.decode.weight = self.embed.weight  # tied

    def forward(self, tokens):
        hidden, _ = self.rnn(self.embed(tokens))
        return self.decode(hidden)

def loss_of(model, tokens):
    return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

def fit(model, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(epochs):
        model.train()
        for part in torch.randperm(len(train_text)).split(30):
            optimizer.zero_grad()
            loss = loss_of(model, train_text[part])
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            guess = model(test_text[:, :-1]).argmax(-1)
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, right {(guess == test_text[:, 1:]).float().mean():.3f}")
# %%
first = LanguageModel()
fit(first, 2)
checkpoint = copy.deepcopy(first.state_dict())
# %%
# go on from the checkpoint
model = LanguageModel()
model.load_state_dict(checkpoint, assign=True)  # BUG  # TNY307
# FIX: model.load_state_dict(checkpoint)
fit(model, 4)  # TNY307
