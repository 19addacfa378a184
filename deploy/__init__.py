"""Serving bundle for nvidia/GLM-5.1-NVFP4: a profile in, a running server out."""
