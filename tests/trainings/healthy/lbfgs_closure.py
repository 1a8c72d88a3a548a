# LBFGS evaluates its closure many times a step; each evaluation clears and computes the gradients.
# Score: below 0.05
# %%
import torch
from torch import nn

torch.manual_seed(5)
x = torch.rand(500, 2) * 2 - 1
y = (torch.sin(3 * x[:, :1]) * x[:, 1:]) + 0.03 * torch.randn(500, 1)
x_train, y_train, x_test, y_test = x[:400], y[:400], x[400:], y[400:]
# %%
model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=10, line_search_fn="strong_wolfe")
loss_fn = nn.MSELoss()
history = []
# %%
for epoch in range(8):
    def closure():
        optimizer.zero_grad()
        loss = loss_fn(model(x_train), y_train)
        loss.backward()
        return loss

    history.append(optimizer.step(closure).item())
    with torch.no_grad():
        test_loss = loss_fn(model(x_test), y_test).item()
    print(f"epoch {epoch + 1}: train loss {history[-1]:.4f}, test loss {test_loss:.4f}")
