"""`python -m training.lora.convert GGUF FOLDER`: dequantise into bfloat16 safetensors, with the tokenizer beside them."""

import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM


def convert(gguf: Path, target: Path) -> None:
    """Write the model of a GGUF file into an existing folder."""
    source = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    # Saving the loaded model itself would write its quantization_config, which nothing can load again.
    config = AutoConfig.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.dtype = torch.bfloat16
    model = LlamaForCausalLM(config)
    model.load_state_dict(source.state_dict())
    model.to(torch.bfloat16).save_pretrained(target)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(target)


if __name__ == "__main__":
    transformers.utils.logging.set_verbosity_error()
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
