"""Small models with random weights, as checkpoints that the engine can serve."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from deploy.loader import CONFIGS

TOKENIZER = CONFIGS.parent / "deploy/cpu/model"
_COMMON = {
    "vocab_size": 2056,  # the smoke model's tokenizer and some; no multiple of 64
    "hidden_size": 96,
    # Two ranks of a CPU round each share up to a multiple of 32 (configs/update_config.py).
    "intermediate_size": 192,
    "max_position_embeddings": 4096,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
LLAMA = {
    **_COMMON,
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 3,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "tie_word_embeddings": True,
}
QWEN2 = {
    **_COMMON,
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
}
GLM4_MOE = {
    **_COMMON,
    "architectures": ["Glm4MoeForCausalLM"],
    "model_type": "glm4_moe",
    "num_hidden_layers": 3,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "partial_rotary_factor": 0.5,
    "attention_bias": True,
    "use_qk_norm": True,
    "first_k_dense_replace": 1,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 64,
    "n_group": 1,
    "topk_group": 1,
    "tie_word_embeddings": False,
}


def save(config: dict[str, Any], dtype: str, directory: Path) -> Path:
    """The model as a directory with a tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    directory.mkdir()
    values = {**config, "dtype": dtype}
    (directory / "config.json").write_text(json.dumps(values), encoding="utf-8")
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(
        AutoConfig.from_pretrained(directory), dtype=getattr(torch, dtype)
    )
    model.save_pretrained(directory)
    for file in TOKENIZER.glob("*token*"):
        shutil.copy(file, directory)
    shutil.copy(TOKENIZER / "chat_template.jinja", directory)
    return directory
