"""An image critic in batches, its states by name, and what it refuses."""

import numpy as np
import pytest
import torch
from bars import TINY

from seqgan_gp import ImageCritic, config
from seqgan_gp.errors import UserError
from seqgan_gp.images.pretrained import build_critic


@pytest.fixture(scope="module")
def critic():
    torch.manual_seed(4)
    return ImageCritic(build_critic(config.parse(TINY).config))


@pytest.fixture
def pixels(critic):
    size = (11, critic.network.height, critic.network.width)
    return np.random.default_rng(3).integers(0, 256, size, dtype=np.uint8)


def test_batches_change_no_number(critic, pixels):
    scores = critic.network(torch.from_numpy(pixels[:, None]))
    for batch_size in (1, 4, 11, 100):
        torch.testing.assert_close(critic(pixels, batch_size=batch_size), scores)
    sizes = []
    handle = critic.network.layers[0].register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    critic(pixels, batch_size=4)
    handle.remove()
    assert sizes == [4, 4, 3]


def test_gradients_pass_batches(critic, pixels):
    images = torch.from_numpy(pixels / 127.5 - 1).requires_grad_()
    (batched,) = torch.autograd.grad(critic(images, batch_size=3).sum(), images)
    (whole,) = torch.autograd.grad(critic(images).sum(), images)
    torch.testing.assert_close(batched, whole)
    assert whole.abs().sum() > 0


def test_states_are_the_outputs_of_the_convolutions(critic, pixels):
    expected = critic.network.hidden_states(critic.embed(pixels))
    states = critic.states(pixels, batch_size=4)
    assert list(states) == critic.layers == ["convolution 1", "convolution 2", "convolution 3"]
    for number, (name, state) in enumerate(states.items()):
        torch.testing.assert_close(state, expected[number])
        torch.testing.assert_close(critic.features(pixels, number), state)
        torch.testing.assert_close(critic.features(pixels, name, batch_size=3), state)
        torch.testing.assert_close(critic.features(pixels, name, pool="mean"), state.mean(dim=(2, 3)))
    torch.testing.assert_close(critic.features(pixels), expected[-1])


def test_what_an_image_lacks_is_refused_in_one_line(critic, pixels):
    for use, complaint in (
        (lambda: critic.tokens(pixels), "an image has no tokens"),
        (lambda: critic.mask(pixels), "an image has no tokens"),
        (lambda: critic.strings(pixels), "an image has no tokens"),
        (lambda: critic.states(pixels, pool="last"), "pool is 'last': of images give 'mean'"),
        (lambda: critic.features(pixels, "block 1"), "there is no 'block 1', there are convolution 1"),
        (lambda: critic(pixels, batch_size=0), "batch_size: 0 is not a whole number"),
        (lambda: critic(np.concatenate([pixels / 1.0] * 40), batch_size=4), "item 0 has a pixel"),
    ):
        with pytest.raises(UserError, match=complaint) as error:
            use()
        assert "\n" not in str(error.value)
    wrong = np.zeros((9, *pixels.shape[1:]))
    wrong[7, 0, 0] = 9
    with pytest.raises(UserError, match="item 7 has a pixel of 9"):
        critic(wrong, batch_size=2)
