"""The Wide & Deep network in torch (Cheng et al. 2016), with the inputs of `naviyam.features.spec`. No loop, no files."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn

from naviyam.features.spec import (
    BRAND_EMBEDDING,
    CATEGORY_EMBEDDING,
    HIDDEN,
    NUMERIC,
    QUERY_PROJECTION,
    SHOP_EMBEDDING,
    USER_EMBEDDING,
    WIDE,
)
from naviyam.features.vocabulary import UNKNOWN_ROW, Vocabulary

Parts = Literal["both", "wide", "deep"]

ID_START = 0.02
"""Spread of a new embedding: small, so that an id nobody has behaviour for says little."""

QUERY_START = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Tensors of n rows: `dense` float32 [n, 50 + 10 + d] (wide, numeric, query), `ids` int64 [n, 4].

    `ids` are the embedding rows of user, shop, brand, category. Two tensors, because taking a small batch of seven
    costs as much as a layer.
    """

    dense: Tensor
    ids: Tensor

    def take(self, index: Tensor) -> "Batch":
        """Return the rows at `index`."""
        return Batch(dense=self.dense[index], ids=self.ids[index])

    def to(self, device: torch.device) -> "Batch":
        """Return the rows on a device."""
        return Batch(dense=self.dense.to(device), ids=self.ids.to(device))


class WideDeep(nn.Module):
    """wide + MLP over embeddings, projected query and numbers; returns logits [n].

    While training, ids become the unknown one with probability `id_dropout`: that teaches the unknown embedding and
    keeps the deep part from leaning on ids alone. A half, because most who ask are new: 0.1 overfits within three epochs.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        query_dimension: int,
        dropout: float,
        id_dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.id_dropout = id_dropout
        self._widths = [len(WIDE), len(NUMERIC), query_dimension]
        self.wide = nn.Linear(len(WIDE), 1, bias=False)
        self.user = nn.Embedding(vocabulary.size("users"), USER_EMBEDDING)
        self.shop = nn.Embedding(vocabulary.size("shops"), SHOP_EMBEDDING)
        self.category = nn.Embedding(vocabulary.size("categories"), CATEGORY_EMBEDDING)
        self.brand = nn.Embedding(vocabulary.size("brands"), BRAND_EMBEDDING)
        self.query = nn.Linear(query_dimension, QUERY_PROJECTION, bias=False)
        joined = USER_EMBEDDING + SHOP_EMBEDDING + CATEGORY_EMBEDDING + BRAND_EMBEDDING
        sizes = (joined + QUERY_PROJECTION + len(NUMERIC), *HIDDEN, 1)
        self.deep = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.drop = nn.Dropout(dropout)
        with torch.no_grad():
            self.wide.weight.copy_(torch.tensor([[feature.start for feature in WIDE]]))
            for table in (self.user, self.shop, self.brand):
                table.weight.normal_(std=ID_START)
            self.query.weight.normal_(std=QUERY_START)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits [n]."""
        wide, numeric, query = torch.split(batch.dense, self._widths, dim=1)
        user, shop, brand, category = self._dropped(batch.ids).unbind(1)
        x = torch.cat(
            [
                self.user(user),
                self.shop(shop),
                self.category(category),
                self.brand(brand),
                self.query(query),
                numeric,
            ],
            dim=1,
        )
        for layer in self.deep[:-1]:
            x = self.drop(torch.relu(layer(x)))
        logits: Tensor = (self.wide(wide) + self.deep[-1](x)).squeeze(1)
        return logits

    def keep_only(self, parts: Parts) -> None:
        """Silence and freeze the other part, for an ablation."""
        if parts == "both":
            return
        last = cast(nn.Linear, self.deep[-1])
        silent = last.weight if parts == "wide" else self.wide.weight
        with torch.no_grad():
            silent.zero_()
        silent.requires_grad_(False)

    def _dropped(self, ids: Tensor) -> Tensor:
        """Return the ids with some users, shops and brands made unknown; a category is always known."""
        if not self.training or not self.id_dropout:
            return ids
        unknown = torch.rand(ids.shape, device=ids.device) < self.id_dropout
        unknown[:, 3] = False
        return ids.masked_fill(unknown, UNKNOWN_ROW)
