# All logits of the epoch are kept for a confusion matrix, graphs and all.
# Prompt: yes
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(62)
centres = torch.randn(4, 30) * 0.7
def draw(n):
    y = torch.randint(4, (n,))
    return TensorDataset(centres[y] + torch.randn(n, 30), y)

train_loader = DataLoader(draw(900), batch_size=30, shuffle=True)
test_loader = DataLoader(draw(300), batch_size=100)
model = nn.Sequential(nn.Linear(30, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
# %%
all_logits, all_labels = [], []
for epoch in range(5):
    model.train()
    for x, y in train_loader:
        logits = model(x)
        loss = criterion(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        all_logits.append(logits)  # BUG  # TNY901
        # FIX: all_logits.append(logits.detach())
        all_labels.append(y)
    model.eval()
    with torch.no_grad():
        accuracy = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 300
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {accuracy:.3f}")
# %%
guesses, truth = torch.cat(all_logits[-30:]).argmax(1), torch.cat(all_labels[-30:])
confusion = torch.bincount(4 * truth + guesses, minlength=16).view(4, 4)
print(confusion)
print("trace:", (confusion.diag().sum() / confusion.sum()).item())
