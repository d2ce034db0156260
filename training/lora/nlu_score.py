"""What an `nlu` adapter reads right of hand-written messages: greedy decoding of the adapter on its plain base."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from naviyam.conversation import Turns
from naviyam.evaluation.understanding import Utterance, score
from naviyam.nlu.llm import END, build_prompt, parse
from naviyam.request import Intent, Understanding
from training.lora.model import fast_dtype
from training.lora.nlu_data import Labelled

_LONGEST = 96
"""Tokens of an answer; the longest completion of the data has fewer."""


def read_held_out(
    base: Path, adapter: Path, rows: Sequence[Labelled], *, threads: int
) -> dict[str, float]:
    """Return intent accuracy, filter F1, the share exact in both, and the share refused (no JSON, or impossible)."""
    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=fast_dtype())
    model = PeftModel.from_pretrained(model, adapter).eval()
    read = [parse(_answer(model, tokenizer, row.text)) for row in rows]
    found = [
        Understanding(intent=r.intent, filters=r.filters, confidence=1.0)
        if r
        else Understanding(intent=Intent.OUT_OF_SCOPE, confidence=0.0)
        for r in read
    ]
    meant = [Utterance(text=r.text, intent=r.intent, filters=r.filters) for r in rows]
    worth = score(meant, found)
    return {
        "messages": float(len(rows)),
        "intent_accuracy": round(worth.intent_accuracy, 4),
        "filter_f1": round(worth.filter_f1, 4),
        "exact": round(worth.exact, 4),
        "refused": round(sum(r is None for r in read) / max(1, len(rows)), 4),
    }


def _answer(model: Any, tokenizer: Any, text: str) -> str:
    ids = tokenizer(build_prompt(text, Turns()), return_tensors="pt", add_special_tokens=False)
    end = tokenizer.convert_tokens_to_ids(END)
    with torch.inference_mode():
        out = model.generate(
            **ids, max_new_tokens=_LONGEST, do_sample=False, eos_token_id=end, pad_token_id=end
        )
    answer: str = tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    return answer
