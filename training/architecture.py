"""Sizes of a model that are known from its configuration: nothing is allocated."""

from typing import Any


def empty_model(config: Any) -> Any:
    """The model of a `transformers` configuration without memory for its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def parameters(config: Any) -> tuple[int, int]:
    """How many parameters a model has, and how many of them are in its embeddings and its output."""
    model = empty_model(config)
    both = (model.get_input_embeddings(), model.get_output_embeddings())
    ends = {id(module.weight): module.weight.numel() for module in both}
    return sum(weight.numel() for weight in model.parameters()), sum(ends.values())


def adapter_parameters(config: Any, rank: int) -> int:
    """How many parameters LoRA adapters of a rank have, on every linear layer but the output."""
    import torch

    model = empty_model(config)
    head = model.get_output_embeddings()
    linear = (module for module in model.modules() if isinstance(module, torch.nn.Linear) and module is not head)
    return sum(rank * (module.in_features + module.out_features) for module in linear)
