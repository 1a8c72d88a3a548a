# Policy gradient: the loss is a sum over an episode, has no lower end, goes up and down, and the reward rises.
# Score: above 7
# %%
import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(41)

class Corridor:
    """Eleven squares, start in the middle; the flag says at which end the reward waits."""

    def reset(self):
        self.position, self.goal, self.steps = 5, 10 * int(torch.rand(()) < 0.5), 0
        return self.observe()

    def observe(self):
        return torch.tensor([self.position / 5 - 1, self.goal / 5 - 1])

    def step(self, action):
        self.position += 1 if action == 1 else -1
        self.steps += 1
        reached = self.position == self.goal
        done = reached or self.position in (0, 10) or self.steps == 20
        return self.observe(), 10.0 * reached - 0.1, done
# %%
policy = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 2))
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
env, baseline, rewards = Corridor(), 0.0, []
for episode in range(200):
    state, done, log_probs, total = env.reset(), False, [], 0.0
    while not done:
        distribution = Categorical(logits=policy(state))
        action = distribution.sample()
        log_probs.append(distribution.log_prob(action))
        state, reward, done = env.step(action.item())
        total += reward
    loss = -(total - baseline) * torch.stack(log_probs).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    baseline = 0.9 * baseline + 0.1 * total
    rewards.append(total)
    if episode % 50 == 49:
        print(f"episode {episode + 1}: mean reward of the last fifty {sum(rewards[-50:]) / 50:.2f}")
