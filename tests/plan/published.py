"""Models whose sizes were published, as config.json has them."""

from __future__ import annotations

from typing import Any

from deploy.model import FP8, GLM_5_1, NVFP4

# nvidia/GLM-5-NVFP4 quantises the shared experts and the first three layers, too.
GLM_5_NVFP4: dict[str, Any] = {
    **GLM_5_1,
    "quantization_config": {**NVFP4, "ignore": ["lm_head", "*self_attn*", "model.layers.78*"]},
}
# GLM-5.2 has an indexer in the first three layers and in every fourth from there.
_SHARED_INDEX = {"index_topk_freq": 4, "index_skip_topk_offset": 3}
GLM_5_2_NVFP4: dict[str, Any] = {**GLM_5_1, **_SHARED_INDEX, "quantization_config": NVFP4}
GLM_5_2_FP8: dict[str, Any] = {**GLM_5_1, **_SHARED_INDEX, "quantization_config": FP8}
DEEPSEEK_V3: dict[str, Any] = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "model_type": "deepseek_v3",
    "dtype": "bfloat16",
    "vocab_size": 129280,
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "num_hidden_layers": 61,
    "num_nextn_predict_layers": 1,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "n_shared_experts": 1,
    "n_routed_experts": 256,
    "num_experts_per_tok": 8,
    "first_k_dense_replace": 3,
    "kv_lora_rank": 512,
    "q_lora_rank": 1536,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
    "n_group": 8,
    "topk_group": 4,
    "max_position_embeddings": 163840,
}
