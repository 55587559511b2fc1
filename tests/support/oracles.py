"""What the kernels must compute, written again as plain loops over Python numbers."""

import torch


def mix_loops(images, draw, others=None):
    """Every pixel by itself, in double precision; integers rounded half to even."""
    pool = images if others is None else others
    out = images.double().clone()
    for i in range(len(images)):
        top, left, bottom, right = draw.boxes[i].tolist()
        fraction, partner = draw.opacity[i].item(), draw.partners[i].item()
        for y in range(top, bottom):
            for x in range(left, right):
                own, other = images[i, ..., y, x].double(), pool[partner, ..., y, x].double()
                out[i, ..., y, x] = own + fraction * (other - own) if fraction < 1 else other
    if images.dtype.is_floating_point:
        return out.to(images.dtype)
    return out.round().to(images.dtype)


def cutout_loops(image, holes, fill):
    """One image ``(C, H, W)``; ``fill`` has a number for each channel."""
    out = image.clone()
    for top, left, bottom, right in holes.tolist():
        for y in range(top, bottom):
            for x in range(left, right):
                for channel, value in enumerate(fill):
                    out[channel, y, x] = value
    return out


def target_loops(labels, num_classes, partners, lam, smoothing=0.0):
    """Soft targets of integer labels, class by class."""
    out = torch.zeros(len(labels), num_classes, dtype=torch.float64)
    for i, label in enumerate(labels.tolist()):
        for k in range(num_classes):
            own = (1 - smoothing) * (k == label) + smoothing / num_classes
            other = (1 - smoothing) * (k == labels[partners[i]].item()) + smoothing / num_classes
            out[i, k] = lam[i].item() * own + (1 - lam[i].item()) * other
    return out


def told_fractions(images):
    """The mixture of each image, ``{j: fraction of the pixels}``, if sample ``j`` of the batch was constant ``j``."""
    fractions = []
    for image in images:
        values, counts = image.flatten().unique(return_counts=True)
        fractions.append({int(v): int(c) / image.numel() for v, c in zip(values, counts, strict=True)})
    return fractions


def constant_images(count, *shape, dtype=torch.float32):
    """Sample ``j`` is ``j`` everywhere, so that mixed samples tell their own mixture."""
    return torch.arange(count).view(-1, *(1,) * len(shape)).expand(count, *shape).to(dtype)


def told(leaf):
    return {int(value) for value in torch.as_tensor(leaf).unique()}
