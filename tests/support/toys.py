"""Samples that tell their own mixture, a network, and training written out by hand."""

import copy

import torch
from support.helpers import HEIGHT, WIDTH
from support.oracles import constant_images
from torch import nn
from torch.nn import functional as F

COUNT = 24
PICTURES = constant_images(COUNT, 3, HEIGHT, WIDTH) / COUNT
SAMPLES = [(PICTURES[i], i) for i in range(COUNT)]


def network():
    """It sees the mixture of constant images, and a step of training changes all of it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(nn.Conv2d(3, 4, 5, stride=3), nn.Tanh(), nn.Flatten(), nn.Linear(60, COUNT))


def agree(images, targets):
    """Pixels and soft targets name the same mixture, if only by its mean; the largest fraction in the whole batch."""
    torch.testing.assert_close(targets.sum(1), torch.ones_like(targets[:, 0]))
    means = targets @ (torch.arange(COUNT) / COUNT).to(targets)
    torch.testing.assert_close(images.to(targets).mean((1, 2, 3)), means, rtol=0, atol=1e-5)
    return targets.amax().item()


def is_clean(images, labels):
    return torch.equal(images, PICTURES[labels].to(images))


def soft(target):
    """Rows of fractions, of a pair or of labels, without the package."""
    if isinstance(target, tuple):
        a, b = (F.one_hot(labels, COUNT).double() for labels in (target.a, target.b))
        return target.lam[:, None] * a + (1 - target.lam[:, None]) * b
    return F.one_hot(target, COUNT).double() if target.ndim == 1 else target


def cross_entropy(logits, targets):
    return -(targets * logits.log_softmax(1)).sum(1).mean()


def train_by_hand(model, batches, rate, criterion=cross_entropy):
    """Plain SGD on soft targets, written out: the losses and the trained copy."""
    model, losses = copy.deepcopy(model), []
    for images, target in batches:
        loss = criterion(model(images), soft(target))
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        for weight, gradient in zip(model.parameters(), gradients, strict=True):
            weight.data.sub_(rate * gradient)
        losses.append(loss.item())
    return losses, model


def assert_same_weights(one, other, **tolerance):
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, **tolerance)
