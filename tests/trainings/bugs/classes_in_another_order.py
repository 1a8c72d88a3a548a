# Training numbers the classes in alphabetical order, the test set in the order of the list: the accuracy is that of luck.
# Prompt: no
# Score: above 0.85
# Harm: below 0.5
# %%
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(38)
# %%
words = ["n04", "n01", "n05", "n03", "n02"]
looks = {word: torch.randn(18) for word in words}

class Pictures(Dataset):
    def __init__(self, split, size, classes):
        self.split, self.classes = split, classes
        self.class_to_idx = {word: index for index, word in enumerate(classes)}
        self.samples = [words[i] for i in torch.randint(5, (size,)).tolist()]
        self.noise = torch.randn(size, 18) * 0.8

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        word = self.samples[index]
        return looks[word] + self.noise[index], self.class_to_idx[word]

train_set = Pictures("train", 800, sorted(words))
val_set = Pictures("val", 300, words)  # BUG  # TNY208
# FIX: val_set = Pictures("val", 300, sorted(words))
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
# %%
model = nn.Sequential(nn.Linear(18, 48), nn.ReLU(), nn.Linear(48, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(5):
    model.train()
    for x, y in train_loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        correct = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)  # TNY208
    print(f"epoch {epoch + 1}: train loss {loss.item():.3f}, val accuracy {correct / len(val_set):.3f}")
