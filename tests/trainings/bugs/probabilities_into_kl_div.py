# kl_div wants log-probabilities of the student and gets probabilities: the student does not learn the soft targets.
# Prompt: yes
# Score: below 0.2
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(57)
centres = torch.randn(5, 16)
y = torch.randint(5, (1200,))
x = centres[y] + 0.9 * torch.randn(1200, 16)
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=45, shuffle=True)
x_test, y_test = x[900:], y[900:]
# %%
def mlp(width):
    return nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, 5))

def score(model):
    with torch.no_grad():
        return (model(x_test).argmax(1) == y_test).float().mean().item()

teacher = mlp(96)
optimizer = torch.optim.Adam(teacher.parameters(), lr=3e-3)
for _ in range(4):
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        F.cross_entropy(teacher(inputs), labels).backward()
        optimizer.step()
print("teacher:", score(teacher))
# %%
T = 2.0
student = mlp(16)
optimizer = torch.optim.Adam(student.parameters(), lr=5e-3)
for epoch in range(5):
    for inputs, _ in train_loader:
        with torch.no_grad():
            target = F.softmax(teacher(inputs) / T, dim=1)
        prediction = F.softmax(student(inputs) / T, dim=1)  # BUG  # TNY401
        # FIX: prediction = F.log_softmax(student(inputs) / T, dim=1)
        loss = T * T * F.kl_div(prediction, target, reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy of the student {score(student):.3f}")
# %%
with torch.no_grad():
    gap = F.softmax(student(x_test), dim=1) - F.softmax(teacher(x_test), dim=1)
print("distance to the teacher's probabilities:", round(gap.abs().sum(1).mean().item(), 3))
