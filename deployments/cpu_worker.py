"""vLLM's CPU worker, with adapters that cost nothing while no running request uses one.

vLLM 0.32 multiplies with the adapters' slots on every decoding step on a CPU, also where all of them are empty: a third
of the time of an answer by a merged champion, measured. It skips that on a GPU and while reading prompts.
"""

from typing import Any

from vllm.lora.layers import LoRAMapping
from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU
from vllm.platforms import current_platform
from vllm.v1.worker.cpu_worker import CPUWorker


class IdleAdapters(PunicaWrapperCPU):  # type: ignore[misc]
    """The same products, left out while every running request is served by the weights alone."""

    idle = False

    def update_metadata(self, mapping: LoRAMapping, *args: Any, **kwargs: Any) -> None:
        """Note who uses an adapter; called whenever the set of running requests changes."""
        super().update_metadata(mapping, *args, **kwargs)
        self.idle = not any(mapping.index_mapping)

    def add_lora_linear(self, *args: Any, **kwargs: Any) -> None:
        """Add the adapters' part to a layer's output, in place."""
        if not self.idle:
            super().add_lora_linear(*args, **kwargs)

    def add_lora_logits(self, *args: Any, **kwargs: Any) -> None:
        """Add the adapters' part to the logits, in place."""
        if not self.idle:
            super().add_lora_logits(*args, **kwargs)


class IdleAdaptersWorker(CPUWorker):  # type: ignore[misc]
    """Named as `worker_cls`; vLLM asks its platform which wrapper to use when the model is loaded."""

    def load_model(self, *args: Any, **kwargs: Any) -> None:
        """Load the model with `IdleAdapters` around its layers."""
        name = f"{IdleAdapters.__module__}.{IdleAdapters.__qualname__}"
        type(current_platform).get_punica_wrapper = classmethod(lambda cls: name)
        super().load_model(*args, **kwargs)
