# The LSTM is not told batch_first: it runs along the batch and carries its state from sample to sample.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.75
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(51)

def make_sequences(n, steps=10):
    """Did the walk end above or below its start, and was it far?"""
    moves = torch.randn(n, steps, 1)
    end = moves.sum((1, 2))
    return TensorDataset(moves, (end > 0).long() + 2 * (end.abs() > 2.2).long())

train_loader = DataLoader(make_sequences(1200), batch_size=40, shuffle=True)
val_loader = DataLoader(make_sequences(400), batch_size=100)
# %%
class Walker(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden)  # BUG  # TNY802
        # FIX: self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 4)

    def forward(self, x):
        out, _ = self.lstm(x)  # TNY802
        return self.head(out[:, -1])

model = Walker()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(8):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)  # TNY802
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 400  # TNY802
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, val accuracy {accuracy:.3f}")
