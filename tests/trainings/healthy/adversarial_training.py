# FGSM: a gradient with respect to the input makes the adversarial batch, on which the model is then trained.
# Score: above 0.75
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(19)
centres = 1.2 * torch.randn(4, 20)
def draw(n):
    y = torch.randint(4, (n,))
    return TensorDataset(centres[y] + 0.8 * torch.randn(n, 20), y)

train_loader, test_loader = DataLoader(draw(800), 40, shuffle=True), DataLoader(draw(300), 100)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

def fgsm(x, y, epsilon=0.2):
    was_training = model.training
    model.eval()
    x_adversarial = x.clone().requires_grad_(True)
    loss = F.cross_entropy(model(x_adversarial), y)
    (gradient,) = torch.autograd.grad(loss, x_adversarial)
    model.train(was_training)
    return (x + epsilon * gradient.sign()).detach()
# %%
for epoch in range(5):
    model.train()
    for x, y in train_loader:
        x_adversarial = fgsm(x, y)
        loss = 0.5 * F.cross_entropy(model(x), y) + 0.5 * F.cross_entropy(model(x_adversarial), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    clean = robust = 0
    for x, y in test_loader:
        x_adversarial = fgsm(x, y)
        with torch.no_grad():
            clean += (model(x).argmax(1) == y).sum().item()
            robust += (model(x_adversarial).argmax(1) == y).sum().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, clean {clean / 300:.3f}, under attack {robust / 300:.3f}")
