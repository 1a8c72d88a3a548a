# A student learns from the soft targets of a frozen teacher in eval mode and from the labels.
# Score: above 0.85
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
centres = torch.randn(6, 16)
def draw(n):
    y = torch.randint(6, (n,))
    return TensorDataset(centres[y] + 0.8 * torch.randn(n, 16), y)

train_loader = DataLoader(draw(1000), batch_size=50, shuffle=True)
test_loader = DataLoader(draw(300), batch_size=100)
# %%
def network(width):
    return nn.Sequential(nn.Linear(16, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.2), nn.Linear(width, 6))

@torch.no_grad()
def evaluate(model):
    model.eval()
    return sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader) / 300

teacher = network(128)
teacher_optimizer = torch.optim.Adam(teacher.parameters(), lr=4e-3)
for epoch in range(4):
    teacher.train()
    for x, y in train_loader:
        teacher_optimizer.zero_grad()
        F.cross_entropy(teacher(x), y).backward()
        teacher_optimizer.step()
    print(f"teacher epoch {epoch + 1}: {evaluate(teacher):.3f}")
# %%
def distillation_loss(student_logits, teacher_logits, labels, T=3.0, alpha=0.7):
    soft = F.kl_div(
        F.log_softmax(student_logits / T, dim=1), F.softmax(teacher_logits / T, dim=1), reduction="batchmean"
    )
    return alpha * T * T * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)

student = network(16)
optimizer = torch.optim.Adam(student.parameters(), lr=4e-3)
teacher.eval()
for epoch in range(5):
    student.train()
    for x, y in train_loader:
        with torch.no_grad():
            teacher_logits = teacher(x)
        loss = distillation_loss(student(x), teacher_logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"student epoch {epoch + 1}: loss {loss.item():.3f}, test accuracy {evaluate(student):.3f}")
