"""Layer 2: the project's Wide & Deep network over the funnels' candidates, trained listwise. No files, no protocol.

The wide part starts as the plain mean of the funnels (as `naviyam.features.spec` gives wide places a starting weight)
and is pulled back to it; what is scored with are the averaged weights of all steps so far (Polyak).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from naviyam.features.spec import WIDE_SIZE
from naviyam.features.vocabulary import Vocabulary
from training.movielens.lists import Lists
from training.wide_deep.network import Batch, Parts, WideDeep

F32 = npt.NDArray[np.float32]
START = 2.0
"""Wide weight of the funnels' mean before training."""

PULL = 1e-2
AVERAGED_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RankerOptions:
    """What is learned and how fast. `epochs` is how many are run; the caller keeps one of them."""

    parts: Parts = "both"
    learning_rate: float = 1e-3
    epochs: int = 4
    batch_lists: int = 64
    dropout: float = 0.3
    seed: int = 0


def train(
    lists: Lists, to_score: Lists, n_users: int, n_items: int, options: RankerOptions
) -> Iterator[F32]:
    """Yield the scores of `to_score` [lists, c] after every epoch over `lists`."""
    torch.manual_seed(options.seed)
    network = _network(n_users, n_items, options)
    start = network.wide.weight.detach().clone()
    learned = network.wide.parameters() if options.parts == "wide" else network.parameters()
    network.wide.weight.requires_grad_(options.parts != "deep")
    optimizer = torch.optim.Adam(
        [p for p in learned if p.requires_grad], lr=options.learning_rate, fused=True
    )
    rows, held = _tensors(lists), _tensors(to_score)
    label = torch.from_numpy(lists.label)
    average = {k: v.clone() for k, v in network.state_dict().items()}
    steps = 0
    for _ in range(options.epochs):
        network.train()
        for index in torch.split(torch.randperm(len(label)), options.batch_lists):
            scores = _scores(network, rows.take(index), options.parts)
            loss = _listwise(scores, label[index])
            loss = loss + PULL * (network.wide.weight - start).square().sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            steps += 1
            for name, value in network.state_dict().items():
                average[name].lerp_(value, max(1 / steps, 1 / AVERAGED_STEPS))
        yield _averaged_scores(network, average, held, options.parts)


def _network(n_users: int, n_items: int, options: RankerOptions) -> WideDeep:
    vocabulary = Vocabulary(
        users=tuple(str(i) for i in range(n_users)), shops=tuple(str(i) for i in range(n_items))
    )
    network = WideDeep(vocabulary, query_dimension=1, dropout=options.dropout)
    with torch.no_grad():
        network.wide.weight.zero_()
        if options.parts != "deep":
            network.wide.weight[0, 0] = START
            last = list(network.deep)[-1]
            for parameter in last.parameters():
                parameter.zero_()
    return network


def _tensors(lists: Lists) -> Batch:
    """Return dense [lists, c, 61] and ids [lists, c, 4]: user, item, no brand, no category."""
    ids = np.zeros((*lists.item.shape, 4), np.int64)
    ids[..., 0] = lists.user[:, None] + 1
    ids[..., 1] = lists.item + 1
    return Batch(dense=torch.from_numpy(lists.dense), ids=torch.from_numpy(ids))


def _scores(network: WideDeep, batch: Batch, parts: Parts) -> Tensor:
    """Return scores [lists, c]."""
    if parts == "wide":
        return (batch.dense[..., :WIDE_SIZE] @ network.wide.weight.T).squeeze(-1)
    flat = Batch(dense=batch.dense.flatten(0, 1), ids=batch.ids.flatten(0, 1))
    scores: Tensor = network(flat)
    return scores.view(batch.dense.shape[:2])


def _listwise(scores: Tensor, label: Tensor) -> Tensor:
    """Softmax cross entropy over each list (ListNet's top-one, Cao et al. 2007), lists weighted by the root of their hits."""
    weight = label / label.sum(1, keepdim=True).clamp(min=1).sqrt()
    loss: Tensor = -(weight * torch.log_softmax(scores, 1)).sum() / weight.sum().clamp(min=1)
    return loss


def _averaged_scores(
    network: WideDeep, average: dict[str, Tensor], held: Batch, parts: Parts
) -> F32:
    current = {k: v.clone() for k, v in network.state_dict().items()}
    network.load_state_dict(average)
    network.eval()
    with torch.inference_mode():
        out: F32 = _scores(network, held, parts).numpy().copy()
    network.load_state_dict(current)
    return out
