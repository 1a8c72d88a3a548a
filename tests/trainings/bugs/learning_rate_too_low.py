# The learning rate lost its sign of the exponent's place: 3e-8 for 3e-3.
# Prompt: yes
# Score: above 0.80
# Harm: below 0.5
# %%
import torch
from torch import nn

torch.manual_seed(1)
# %%
class Trainer:
    def __init__(self, model, lr, batch_size=32):
        self.model, self.batch_size = model, batch_size
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)  # TNY511
        self.criterion = nn.CrossEntropyLoss()

    def fit(self, x, y, x_test, y_test, epochs):
        for epoch in range(1, epochs + 1):
            self.model.train()
            losses = []
            for index in torch.randperm(len(x)).split(self.batch_size):
                loss = self.criterion(self.model(x[index]), y[index])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()  # TNY511
                losses.append(loss.item())
            print(f"{epoch:3d}  {sum(losses) / len(losses):.4f}  {self.score(x_test, y_test):.3f}")

    @torch.no_grad()
    def score(self, x, y):
        self.model.eval()
        return (self.model(x).argmax(1) == y).double().mean().item()
# %%
y = torch.arange(1200) % 4
x = torch.randn(1200, 30)
x[torch.arange(1200), y] += 2.5
x[torch.arange(1200), y + 4] -= 1.5
# %%
model = nn.Sequential(nn.Linear(30, 40), nn.GELU(), nn.Linear(40, 4))
trainer = Trainer(model, lr=3e-8)  # BUG  # TNY511
# FIX: trainer = Trainer(model, lr=3e-3)
trainer.fit(x[:900], y[:900], x[900:], y[900:], epochs=5)
