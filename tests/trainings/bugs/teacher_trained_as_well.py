# In a distillation the optimizer holds student and teacher: the teacher is dragged along, in eval mode.
# Prompt: yes
# Score: above 0.95
# Harm: below 0.95
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
centres = 0.9 * torch.randn(6, 16)
y = torch.randint(6, (1300,))
x = centres[y] + 0.8 * torch.randn(1300, 16)
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=50, shuffle=True)
test_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=300)
# %%
class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(16, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3), nn.Linear(width, 6)
        )

    def forward(self, x):
        return self.net(x)

@torch.no_grad()
def accuracy(model):
    model.eval()
    inputs, labels = next(iter(test_loader))
    return (model(inputs).argmax(1) == labels).float().mean().item()
# %%
teacher = Net(128)
optimizer = torch.optim.Adam(teacher.parameters(), lr=5e-3)
for epoch in range(5):
    teacher.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        F.cross_entropy(teacher(inputs), labels).backward()
        optimizer.step()
    print(f"teacher, epoch {epoch + 1}: {accuracy(teacher):.3f}")
before = accuracy(teacher)
# %%
student = Net(12)
temperature = 3.0
optimizer = torch.optim.Adam([*student.parameters(), *teacher.parameters()], lr=5e-3)  # BUG
# FIX: optimizer = torch.optim.Adam(student.parameters(), lr=5e-3)
for epoch in range(6):
    student.train()
    teacher.eval()
    for inputs, labels in train_loader:
        soft = F.softmax(teacher(inputs) / temperature, dim=1)
        # FIX: soft = soft.detach()
        loss = F.kl_div(F.log_softmax(student(inputs) / temperature, dim=1), soft, reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()  # TNY301
    print(f"student, epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {accuracy(student):.3f}")
# %%
print("agreement of the teacher with its former self:", round(accuracy(teacher) / before, 3))
