"""What GLM-5.1 is: the shapes in its config.json."""

from __future__ import annotations

from typing import Any

# From transformers' GlmMoeDsaConfig for GLM-5, whose architecture GLM-5.1 shares (NVIDIA's
# Megatron-Bridge and NeMo AutoModel documents). The class leaves routing and rotary embedding to
# config.json: rotary as in GLM-5's, quoted in vllm-project/llm-compressor#2512 and
# vllm-project/vllm#36220; both as transformers 5.7.0 printed the config of a GLM-5.1 checkpoint in
# INT8. GLM-5.2 differs in its rotary base, 8,000,000.
GLM_5_1: dict[str, Any] = {
    "architectures": ["GlmMoeDsaForCausalLM"],
    "model_type": "glm_moe_dsa",
    "dtype": "bfloat16",
    "hidden_size": 6144,
    "num_hidden_layers": 78,
    "num_nextn_predict_layers": 1,  # the MTP layer, in BF16 in the NVFP4 checkpoint
    "first_k_dense_replace": 3,
    "intermediate_size": 12288,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 2048,
    "routed_scaling_factor": 2.5,
    "norm_topk_prob": True,
    "n_group": 1,
    "topk_group": 1,
    "moe_layer_freq": 1,
    "scoring_func": "sigmoid",
    "topk_method": "noaux_tc",
    "num_attention_heads": 64,
    "num_key_value_heads": 64,
    "q_lora_rank": 2048,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 192,
    "qk_rope_head_dim": 64,
    "v_head_dim": 256,
    "index_n_heads": 32,
    "index_head_dim": 128,
    "index_topk": 2048,
    "vocab_size": 154880,
    "tie_word_embeddings": False,
    "max_position_embeddings": 202752,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_theta": 1_000_000, "rope_type": "default"},
    "rope_interleave": True,
    "indexer_rope_interleave": True,
}

# ModelOpt's block in a checkpoint's config.json: NVFP4 in groups of 16, routed experts only, which
# is what 465.9 GB on disk come to. An FP8 KV cache is what vLLM takes from the checkpoint (report
# on eight B300, plan/measurements.py).
NVFP4: dict[str, Any] = {
    "quant_method": "modelopt",
    "quant_algo": "NVFP4",
    "producer": {"name": "modelopt"},
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 4, "type": "float", "group_size": 16},
            "input_activations": {"num_bits": 4, "type": "float", "group_size": 16},
        }
    },
    "kv_cache_scheme": {"num_bits": 8, "type": "float"},
    "ignore": [
        "lm_head",
        "*self_attn*",
        "*shared_experts*",
        "model.layers.0.mlp*",
        "model.layers.1.mlp*",
        "model.layers.2.mlp*",
        "model.layers.78*",
    ],
}

# The block of the FP8 checkpoints: an FP32 scale for each block of 128 by 128.
FP8: dict[str, Any] = {"quant_method": "fp8", "weight_block_size": [128, 128]}

# The checkpoints whose config.json need not be at hand, by repository.
CHECKPOINTS: dict[str, dict[str, Any]] = {
    "nvidia/GLM-5.1-NVFP4": {**GLM_5_1, "quantization_config": NVFP4},
    "zai-org/GLM-5.1-FP8": {**GLM_5_1, "quantization_config": FP8},
    "zai-org/GLM-5.1": GLM_5_1,
}
