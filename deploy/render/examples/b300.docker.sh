# The model card's server on one node of eight B300. Verified: nobody has run it on this hardware.
# Rendered by launch.py: change the profile and render again, not this text.
# Needs root, Docker 20.10 or newer and the NVIDIA Container Toolkit.
# Every file named here must be root's: the container cannot read past file modes.
# The root file system stays writable: nobody has tried this image with --read-only.
# Logs: docker logs -f glm-b300. Stop: docker stop glm-b300.
mkdir -p /etc/glm-serving &&
(umask 077 && test -n "$(cat /etc/glm-serving/api-key)" && test -n "$(cat /etc/glm-serving/admin-api-key)" && rm -f /etc/glm-serving/glm-b300-keys.yaml && printf "api-key: '%s'\nadmin-api-key: '%s'\n" "$(printf %s "$(cat /etc/glm-serving/api-key)" | sed "s/'/''/g")" "$(printf %s "$(cat /etc/glm-serving/admin-api-key)" | sed "s/'/''/g")" > /etc/glm-serving/glm-b300-keys.yaml) &&
docker run --detach \
  --restart unless-stopped \
  --log-driver local \
  --log-opt max-size=100m \
  --log-opt max-file=10 \
  --name glm-b300 \
  --init \
  --gpus 8 \
  --shm-size 34359738368 \
  --ulimit memlock=-1:-1 \
  --ulimit stack=67108864:67108864 \
  --ulimit nofile=65535:65535 \
  --cap-drop ALL \
  --cap-add SYS_NICE \
  --security-opt no-new-privileges \
  --publish 0.0.0.0:30000:30000 \
  --mount type=volume,source=glm-huggingface,target=/cache/huggingface \
  --mount type=volume,source=glm-kernels,target=/cache/kernels \
  --env HF_HOME=/cache/huggingface \
  --env SGLANG_CACHE_DIR=/cache/kernels/sglang \
  --env SGLANG_JIT_CACHE_DIR=/cache/kernels/sglang-jit \
  --env SGLANG_DG_CACHE_DIR=/cache/kernels/deep-gemm \
  --env FLASHINFER_WORKSPACE_BASE=/cache/kernels/flashinfer \
  --env TRITON_CACHE_DIR=/cache/kernels/triton \
  --env TORCHINDUCTOR_CACHE_DIR=/cache/kernels/inductor \
  --env CUDA_CACHE_PATH=/cache/kernels/cuda \
  --env TVM_FFI_CACHE_DIR=/cache/kernels/tvm-ffi \
  --env TILELANG_CACHE_DIR=/cache/kernels/tilelang \
  --env HF_TOKEN_PATH=/run/secrets/hub-token \
  --env SGLANG_TIMEOUT_KEEP_ALIVE=900 \
  --health-cmd 'python3 -ISc '"'"'import http.client, sys; server = http.client.HTTPConnection("127.0.0.1", 30000, timeout=25); server.request("GET", "/ready"); sys.exit(server.getresponse().status != 200)'"'"'' \
  --health-interval 30s \
  --health-timeout 30s \
  --health-retries 3 \
  --health-start-period 3600s \
  --stop-signal SIGTERM \
  --stop-timeout 2005 \
  --entrypoint python3 \
  --mount type=bind,source=/etc/glm-serving/glm-b300-keys.yaml,target=/run/secrets/keys.yaml,readonly \
  --mount type=bind,source=/etc/glm-serving/hub-token,target=/run/secrets/hub-token,readonly \
  lmsysorg/sglang:v0.5.20-cu130@sha256:06e4f2ed21afde4ff513cda65070124e727ba23ccaeff7712b8c40e1097d611f \
  -m sglang.launch_server \
  --model-path nvidia/GLM-5.1-NVFP4 \
  --tensor-parallel-size 8 \
  --quantization modelopt_fp4 \
  --tool-call-parser glm47 \
  --reasoning-parser glm45 \
  --trust-remote-code \
  --chunked-prefill-size 131072 \
  --mem-fraction-static 0.8 \
  --served-model-name glm-5.1 \
  --host 0.0.0.0 \
  --port 30000 \
  --enable-metrics \
  --enable-cache-report \
  --watchdog-timeout 1800 \
  --config /run/secrets/keys.yaml
