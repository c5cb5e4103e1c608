# Two targets: `docker build --target cpu .` with the embedded model, `docker build --target cuda .` for GPUs.

FROM python:3.11-slim AS base
# Triton compiles launchers and torch compiles kernels while a model warms up.
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ libgomp1 libnuma1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 peerleap
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
WORKDIR /src

FROM base AS cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Without their dependencies: two packages would bring CUDA builds that break the CPU build of torch.
COPY requirements/cpu.txt requirements/cpu.txt
RUN pip install --no-deps "$(grep -o '^torch==[^ ]*' requirements/cpu.txt)" --index-url "$TORCH_INDEX" \
 && pip install --no-deps -r requirements/cpu.txt
COPY . .
RUN pip install --no-deps .
USER peerleap
WORKDIR /home/peerleap
RUN peerleap models --prepare
ENTRYPOINT ["peerleap"]

FROM base AS cuda
COPY . .
RUN pip install '.[vllm,search,web,sandbox,encryption]'
USER peerleap
WORKDIR /home/peerleap
ENTRYPOINT ["peerleap"]
