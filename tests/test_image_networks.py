"""Test the generator and the critic of images."""

import inspect
from dataclasses import asdict

import pytest
import torch
import torch.nn.functional as F
from bars import HEIGHT, TINY, WIDTH, bars
from conftest import critic_loss

from seqgan_gp import config
from seqgan_gp.config import PenaltyConfig
from seqgan_gp.images import networks
from seqgan_gp.images.config import ImageConfig
from seqgan_gp.images.pretrained import build_critic


def test_the_penalty_of_pixels_is_that_of_all_of_them_and_treats_each_image_by_itself():
    torch.manual_seed(0)
    critic = networks.ImageCriticNetwork(HEIGHT, WIDTH, 4).double()
    real, fake = torch.from_numpy(bars(6).pixels[:, None]), torch.rand(6, 1, HEIGHT, WIDTH, dtype=torch.float64) * 2 - 1
    alpha = torch.rand(6, dtype=torch.float64)
    step = critic_loss(critic, PenaltyConfig(weight=7.0))
    parts = step(real, fake, alpha)
    points = alpha.view(-1, 1, 1, 1) * critic.embed(real) + (1 - alpha.view(-1, 1, 1, 1)) * fake
    norms = [torch.autograd.functional.jacobian(lambda x: critic.score(x[None])[0], p).norm() for p in points]
    penalty = (torch.stack(norms) - 1).square().mean()
    torch.testing.assert_close(parts["penalty"], penalty)
    expected = critic(fake).mean() - critic(real).mean() + 7 * penalty
    torch.testing.assert_close(parts["critic_loss"], expected)

    # The derivative of the penalty by a weight, against finite differences: the second derivative of every layer.
    weight = critic.layers[1].weight

    def loss() -> torch.Tensor:
        return step(real, fake, alpha)["critic_loss"]

    (gradient,) = torch.autograd.grad(loss(), weight)
    direction, epsilon = torch.randn_like(weight), 1e-6
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * epsilon * direction
        values.append(loss().detach())
        with torch.no_grad():
            weight -= sign * epsilon * direction
    slope = (values[0] - values[1]) / (2 * epsilon)
    torch.testing.assert_close((gradient * direction).sum(), slope, rtol=1e-5, atol=1e-6)


def test_the_networks_are_those_that_are_described():
    noise = torch.randn(6, 7)
    generator = networks.ImageGeneratorNetwork(HEIGHT, WIDTH, noise=7, channels=5)
    state = generator.state_dict()
    hidden = F.linear(noise, state["project_noise.weight"], state["project_noise.bias"]).relu()
    hidden = hidden.view(6, 10, HEIGHT // 4, WIDTH // 4)
    for name in ("middle", "output"):
        hidden = F.conv_transpose2d(hidden, state[f"{name}.weight"], state[f"{name}.bias"], stride=2, padding=1)
        hidden = hidden.relu() if name == "middle" else hidden.tanh()
    assert hidden.shape == (6, 1, HEIGHT, WIDTH)
    torch.testing.assert_close(generator(noise), hidden)
    assert generator(100 * noise).abs().max() <= 1

    critic = networks.ImageCriticNetwork(HEIGHT, WIDTH, channels=3)
    state, hidden = critic.state_dict(), generator(noise)
    for layer in range(3):
        hidden = F.conv2d(hidden, state[f"layers.{layer}.weight"], state[f"layers.{layer}.bias"], stride=2, padding=1)
        hidden = F.leaky_relu(hidden, 0.2)
    assert hidden.shape == (6, 12, HEIGHT // 8, WIDTH // 8)
    expected = F.linear(hidden.flatten(1), state["output.weight"], state["output.bias"])[:, 0]
    torch.testing.assert_close(critic(generator(noise)), expected)


def test_a_spectral_critic_of_images_has_singular_values_of_one():
    parsed = config.parse([*TINY, "--critic.parametrization=spectral"]).config
    critic = build_critic(parsed)
    norms = [torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() for layer in [*critic.layers, critic.output]]
    assert norms == pytest.approx([1] * 4, rel=0.05)
    plain = build_critic(config.parse(TINY).config)
    assert torch.linalg.matrix_norm(plain.layers[1].weight.flatten(1), 2).item() != pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(
    "network, section", [(networks.ImageGeneratorNetwork, "generator"), (networks.ImageCriticNetwork, "critic")]
)
def test_a_network_built_by_hand_has_the_defaults_of_the_config(network, section):
    parameters = inspect.signature(network).parameters.values()
    expected = asdict(getattr(ImageConfig(), section))
    expected.pop("parametrization", None)
    assert {p.name: p.default for p in parameters if p.default is not p.empty} == expected
    with pytest.raises(ValueError, match="multiples of 4"):
        network(10, 12)
