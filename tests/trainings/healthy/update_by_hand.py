# No optimizer: the weights are two tensors, and the update is written out.
# Score: above 0.80
# %%
import torch
import torch.nn.functional as F

torch.manual_seed(17)
centres = torch.randn(5, 14)
y = torch.randint(5, (1200,))
x = centres[y] + 0.8 * torch.randn(1200, 14)
x_train, y_train, x_valid, y_valid = x[:900], y[:900], x[900:], y[900:]
# %%
w1 = (torch.randn(14, 32) / 14**0.5).requires_grad_()
b1 = torch.zeros(32, requires_grad=True)
w2 = (torch.randn(32, 5) / 32**0.5).requires_grad_()
b2 = torch.zeros(5, requires_grad=True)
parameters = [w1, b1, w2, b2]

def model(batch):
    return torch.relu(batch @ w1 + b1) @ w2 + b2

def accuracy(inputs, labels):
    return (model(inputs).argmax(1) == labels).float().mean().item()
# %%
lr, batch_size = 0.2, 30
for epoch in range(5):
    order = torch.randperm(len(x_train))
    for start in range(0, len(order), batch_size):
        index = order[start : start + batch_size]
        loss = F.cross_entropy(model(x_train[index]), y_train[index])
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p -= lr * p.grad
                p.grad.zero_()
    with torch.no_grad():
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, valid accuracy {accuracy(x_valid, y_valid):.3f}")
