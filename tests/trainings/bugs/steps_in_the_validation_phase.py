# In the loop over the phases, the optimizer steps in both of them.
# Prompt: no
# Score: above 0.80
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(16)
centre = torch.randn(6, 1, 7, 7) * 0.6

def digits(n):
    y = torch.randint(6, (n,))
    return TensorDataset(centre[y] + 0.8 * torch.randn(n, 1, 7, 7), y)

datasets = {"train": digits(800), "val": digits(300)}
dataloaders = {
    "train": DataLoader(datasets["train"], batch_size=32, shuffle=True),
    "val": DataLoader(datasets["val"], batch_size=100),
}
# %%
model = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(200, 6)
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
# %%
for epoch in range(5):
    for phase in ["train", "val"]:
        model.train(phase == "train")
        running_loss, corrects = 0.0, 0
        for inputs, labels in dataloaders[phase]:  # TNY201
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = criterion(outputs, labels)
            loss.backward()  # BUG
            optimizer.step()  # BUG  # TNY201, TNY301
            # FIX: if phase == "train":
            # FIX:     loss.backward()
            # FIX:     optimizer.step()
            running_loss += loss.item() * len(labels)
            corrects += (outputs.argmax(1) == labels).sum().item()
        size = len(datasets[phase])
        print(f"epoch {epoch + 1} {phase:5} loss {running_loss / size:.3f} accuracy {corrects / size:.3f}")
