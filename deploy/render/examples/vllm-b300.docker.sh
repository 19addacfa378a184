# The second engine, vLLM as on the model card, on one node of eight B300. Verified: nobody has run
# it on this hardware.
# Rendered by launch.py: change the profile and render again, not this text.
# Needs root, Docker 20.10 or newer and the NVIDIA Container Toolkit.
# Every file named here must be root's: the container cannot read past file modes.
# The root file system stays writable: nobody has tried this image with --read-only.
# Logs: docker logs -f glm-vllm-b300. Stop: docker stop glm-vllm-b300.
mkdir -p /srv/glm/huggingface /srv/glm/kernels &&
mkdir -p /etc/glm-serving &&
(umask 077 && test -n "$(cat /etc/glm-serving/api-key)" && rm -f /etc/glm-serving/glm-vllm-b300-keys.yaml && printf "api-key: '%s'\n" "$(printf %s "$(cat /etc/glm-serving/api-key)" | sed "s/'/''/g")" > /etc/glm-serving/glm-vllm-b300-keys.yaml) &&
docker run --detach \
  --restart unless-stopped \
  --log-driver local \
  --log-opt max-size=100m \
  --log-opt max-file=10 \
  --name glm-vllm-b300 \
  --init \
  --gpus 8 \
  --shm-size 34359738368 \
  --ulimit memlock=-1:-1 \
  --ulimit stack=67108864:67108864 \
  --ulimit nofile=65535:65535 \
  --cap-drop ALL \
  --cap-add SYS_NICE \
  --security-opt no-new-privileges \
  --publish 0.0.0.0:8000:8000 \
  --mount type=bind,source=/srv/glm/huggingface,target=/cache/huggingface \
  --mount type=bind,source=/srv/glm/kernels,target=/cache/kernels \
  --env HF_HOME=/cache/huggingface \
  --env VLLM_CACHE_ROOT=/cache/kernels/vllm \
  --env FLASHINFER_WORKSPACE_BASE=/cache/kernels/flashinfer \
  --env TRITON_CACHE_DIR=/cache/kernels/triton \
  --env TORCHINDUCTOR_CACHE_DIR=/cache/kernels/inductor \
  --env CUDA_CACHE_PATH=/cache/kernels/cuda \
  --env TVM_FFI_CACHE_DIR=/cache/kernels/tvm-ffi \
  --env TILELANG_CACHE_DIR=/cache/kernels/tilelang \
  --health-cmd 'python3 -ISc '"'"'import http.client, sys; server = http.client.HTTPConnection("127.0.0.1", 8000, timeout=25); server.request("GET", "/health"); sys.exit(server.getresponse().status != 200)'"'"'' \
  --health-interval 30s \
  --health-timeout 30s \
  --health-retries 3 \
  --health-start-period 3600s \
  --stop-signal SIGTERM \
  --stop-timeout 2005 \
  --entrypoint python3 \
  --mount type=bind,source=/etc/glm-serving/glm-vllm-b300-keys.yaml,target=/run/secrets/keys.yaml,readonly \
  vllm/vllm-openai:v0.19.1-cu130 \
  -m vllm.entrypoints.cli.main serve nvidia/GLM-5.1-NVFP4 \
  --tensor-parallel-size 8 \
  --tool-call-parser glm47 \
  --reasoning-parser glm45 \
  --enable-auto-tool-choice \
  --trust-remote-code \
  --chat-template-content-format string \
  --kv-cache-dtype fp8 \
  --served-model-name glm-5.1 \
  --host 0.0.0.0 \
  --port 8000 \
  --enable-prompt-tokens-details \
  --shutdown-timeout 1920 \
  --config /run/secrets/keys.yaml
