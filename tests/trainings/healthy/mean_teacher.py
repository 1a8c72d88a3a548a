# A student learns from few labels and from a teacher, which is the moving average of the student: in train mode as the
# student is, without gradients, and evaluated in the end.
# Score: above 0.80
# %%
import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(31)
centres = 1.2 * torch.randn(4, 16)
y = torch.randint(4, (1300,))
x = centres[y] + torch.randn(1300, 16)
labelled = DataLoader(TensorDataset(x[:200], y[:200]), batch_size=20, shuffle=True)
unlabelled = DataLoader(TensorDataset(x[200:1000]), batch_size=80, shuffle=True)
test_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=100)
# %%
student = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, 4))
teacher = copy.deepcopy(student)
for parameter in teacher.parameters():
    parameter.requires_grad_(False)
optimizer = torch.optim.Adam(student.parameters(), lr=5e-3)

def noisy(inputs):
    return inputs + 0.1 * torch.randn_like(inputs)
# %%
for epoch in range(6):
    student.train()
    teacher.train()
    for (inputs, labels), (others,) in zip(labelled, unlabelled):
        loss = F.cross_entropy(student(noisy(inputs)), labels)
        with torch.no_grad():
            target = F.softmax(teacher(noisy(others)), dim=1)
        loss = loss + 0.5 * F.mse_loss(F.softmax(student(noisy(others)), dim=1), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(teacher.parameters(), student.parameters()):
                slow.lerp_(fast, 0.1)
    teacher.eval()
    with torch.no_grad():
        correct = sum((teacher(inputs).argmax(1) == labels).sum().item() for inputs, labels in test_loader)
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, accuracy of the teacher {correct / 300:.3f}")
