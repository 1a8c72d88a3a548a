# After its training the model is frozen, and an optimizer shapes an input that excites one class.
# Score: above 0.9
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(20)
centres = torch.randn(5, 16)
y = torch.randint(5, (800,))
x = centres[y] + 0.7 * torch.randn(800, 16)
train_loader = DataLoader(TensorDataset(x, y), batch_size=40, shuffle=True)
model = nn.Sequential(nn.Linear(16, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(4):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}")
# %% [markdown]
# What does the model take for class 3?
# %%
model.eval()
model.requires_grad_(False)
picture = torch.zeros(1, 16, requires_grad=True)
image_optimizer = torch.optim.Adam([picture], lr=0.1)
for step in range(60):
    image_optimizer.zero_grad()
    score = model(picture)[0, 3]
    (-score + 0.05 * picture.pow(2).sum()).backward()
    image_optimizer.step()
print("probability of class 3:", model(picture).softmax(1)[0, 3].item())
