"""An operation of one's own, its gradient checked, at work in a network: python examples/own_op.py

f(y) = y s(y),   s(y) = 1 / (1 + exp(-y))           Swish: a ReLU without a corner
f'(y) = s(y) + f(y) (1 - s(y))                      product rule, with s' = s (1 - s)
"""

import numpy as np

from minidelve import Function, Tensor, cross_entropy, nn, optim
from minidelve.testing import check_gradients


class Swish(Function):
    def forward(self, y):
        s = 1 / (1 + np.exp(-y))
        self.save(s, y * s)
        return y * s

    def backward(self, df):
        s, f = self.saved
        return df * (s + f * (1 - s))


class SwishLayer(nn.Module):
    def forward(self, y):
        return Swish.apply(y)


rng = np.random.default_rng(0)
check_gradients(Swish.apply, rng.standard_normal((4, 3)))  # raises AssertionError where f' is wrong
print("the gradient agrees with central differences")

x = Tensor(rng.standard_normal((200, 2)).astype(np.float32))
inside = (np.square(x.data).sum(axis=1) < 1).astype(int)  # inside the unit circle or not
net = nn.Sequential(nn.Linear(2, 16), SwishLayer(), nn.Linear(16, 2))
sgd = optim.SGD(net.parameters(), lr=0.1)
for _ in range(200):
    loss = cross_entropy(net(x), inside)
    sgd.zero_grad()
    loss.backward()
    sgd.step()
print(f"{100 * (net(x).data.argmax(axis=1) == inside).mean():.0f}% of the points are on the right side of the circle")
