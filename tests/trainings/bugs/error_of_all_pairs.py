# Predictions have the shape (batch, 1), targets (batch,): their difference is a matrix of all pairs.
# Prompt: yes
# Score: below 0.15
# Harm: above 0.6
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(60)
# %% [markdown]
# House prices, made up and standardised
# %%
x = torch.randn(1200, 8)
price = torch.tanh(x[:, 0] + 0.5 * x[:, 1]) * 1.5 + 0.3 * x[:, 2] * x[:, 3]
price = (price - price.mean()) / price.std()
train_loader = DataLoader(TensorDataset(x[:900], price[:900]), batch_size=30, shuffle=True)
test_x, test_price = x[900:], price[900:]
# %%
model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

def mean_squared_error(prediction, target):
    return ((prediction - target) ** 2).mean()  # TNY405

for epoch in range(8):
    total = 0.0
    for features, target in train_loader:
        loss = mean_squared_error(model(features), target)  # BUG  # TNY405
        # FIX: loss = mean_squared_error(model(features).squeeze(1), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        error = (model(test_x).squeeze(1) - test_price).pow(2).mean().item()
    print(f"epoch {epoch + 1}: training loss {total / len(train_loader):.3f}, mean squared error on test {error:.3f}")
