# Two networks, two optimizers, one rollout; the actor's loss uses the critic's value without a gradient.
# Score: above 0.75
# %%
import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(55)
# %% [markdown]
# A contextual bandit: four contexts (noisy), three arms each, one of which pays
# %%
contexts = torch.randn(4, 8)
good_arm = torch.tensor([0, 2, 1, 2])

def observe(n):
    which = torch.randint(4, (n,))
    return contexts[which] + 0.3 * torch.randn(n, 8), which

actor = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
critic = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
actor_optimizer = torch.optim.Adam(actor.parameters(), lr=3e-3)
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)
# %%
for update in range(1, 301):
    state, which = observe(32)
    policy = Categorical(logits=actor(state))
    arm = policy.sample()
    reward = (arm == good_arm[which]).float() + 0.1 * torch.randn(32)
    value = critic(state).squeeze(1)
    advantage = reward - value.detach()

    actor_loss = -(policy.log_prob(arm) * advantage).mean() - 0.01 * policy.entropy().mean()
    actor_optimizer.zero_grad()
    actor_loss.backward()
    actor_optimizer.step()

    critic_loss = nn.functional.mse_loss(value, reward)
    critic_optimizer.zero_grad()
    critic_loss.backward()
    critic_optimizer.step()
    if update % 60 == 0:
        with torch.no_grad():
            state, which = observe(500)
            right = (actor(state).argmax(1) == good_arm[which]).float().mean().item()
        print(f"update {update}: actor {actor_loss.item():.3f}, critic {critic_loss.item():.3f}, best arm {right:.3f}")
