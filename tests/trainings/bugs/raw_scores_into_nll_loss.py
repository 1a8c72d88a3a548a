# NLLLoss gets the raw scores, without the log-softmax in front: the loss has no lower end.
# Prompt: yes
# Score: above 0.80
# %%
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(56)
y = torch.arange(900) % 6
x = torch.randn(900, 18) + 2.8 * F.one_hot(y, 18)
shuffled = torch.randperm(900)
x_train, y_train = x[shuffled[:700]], y[shuffled[:700]]
x_test, y_test = x[shuffled[700:]], y[shuffled[700:]]
# %%
net = nn.Sequential(nn.Linear(18, 40), nn.ReLU(), nn.Linear(40, 6))
# FIX: net.append(nn.LogSoftmax(dim=1))
criterion = nn.NLLLoss()  # TNY402
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
# %%
for epoch in range(1, 7):
    for batch in torch.randperm(700).split(35):
        optimizer.zero_grad()
        loss = criterion(net(x_train[batch]), y_train[batch])  # TNY402
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        test_accuracy = (net(x_test).argmax(1) == y_test).float().mean()
    print(f"epoch {epoch}: loss {loss:.3f}, test accuracy {test_accuracy:.3f}")
