"""The SGLang platform that runs the engine on CPU torch without compiled CPU kernels."""

from __future__ import annotations

from sglang.srt.platforms.cpu import CpuSRTPlatform
from sglang.srt.platforms.device_mixin import PlatformEnum


class TorchCpuPlatform(CpuSRTPlatform):
    """SGLang 0.5.20's CPU platform as an out-of-tree one, with the engine's own memory pools."""

    _enum = PlatformEnum.OOT

    def get_default_attention_backend(self) -> str:
        """PyTorch's own attention: the only backend that needs no compiled kernel."""
        return "torch_native"

    def get_dispatch_key_name(self) -> str:
        """Layers run their plain PyTorch implementation."""
        return "native"

    def get_mha_kv_pool_cls(self) -> type:
        """The engine's KV pool for multi-head and grouped-query attention."""
        from sglang.srt.mem_cache.memory_pool import MHATokenToKVPool

        return MHATokenToKVPool  # type: ignore[no-any-return]

    def get_mla_kv_pool_cls(self) -> type:
        """The engine's KV pool for multi-head latent attention."""
        from sglang.srt.mem_cache.memory_pool import MLATokenToKVPool

        return MLATokenToKVPool  # type: ignore[no-any-return]

    def get_paged_allocator_cls(self) -> type:
        """The engine's allocator for pages of more than one token."""
        from sglang.srt.mem_cache.allocator.paged import PagedTokenToKVPoolAllocator

        return PagedTokenToKVPoolAllocator  # type: ignore[no-any-return]
