# Encoder and decoder share one weight matrix, which the optimizer gets once.
# Score: below 0.5
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(22)
basis = torch.randn(4, 20)
data = torch.randn(1000, 4) @ basis
data = (data - data.mean(0)) / data.std(0)
train_loader = DataLoader(data[:800], batch_size=40, shuffle=True)
test_data = data[800:]
# %%
class TiedAutoencoder(nn.Module):
    def __init__(self, inputs=20, code=6):
        super().__init__()
        self.encode = nn.Linear(inputs, code)
        self.decode_bias = nn.Parameter(torch.zeros(inputs))

    def forward(self, x):
        return nn.functional.linear(self.encode(x), self.encode.weight.t(), self.decode_bias)

model = TiedAutoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(6):
    for batch in train_loader:
        loss = nn.functional.mse_loss(model(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        error = nn.functional.mse_loss(model(test_data), test_data).item()
    print(f"epoch {epoch + 1}: train loss {loss.item():.4f}, test error {error:.4f}")
