# Fireside in a container: the web app and the wheel are built here, and only what runs goes into the last stage.
#   docker build -t fireside .                           a server for models of your own
#   docker build -t fireside --build-arg LOCAL_MODEL=true .    with the embedded model inside (about 1 GB more)
# Packages are installed from the locked requirements, each with its hash. docs/deployment.md says how to run it.

FROM node:22-bookworm-slim AS web
WORKDIR /build/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web ./
RUN npm run build

FROM python:3.11-slim-bookworm AS wheel
WORKDIR /build
COPY requirements/build.txt requirements/
RUN python -m venv /opt/build \
    && /opt/build/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY tools/wheel.py tools/
COPY src src
COPY --from=web /build/web/dist web/dist
RUN /opt/build/bin/python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist .

FROM python:3.11-slim-bookworm AS install
ARG LOCAL_MODEL=false
WORKDIR /build
COPY requirements/core.txt requirements/local.txt requirements/
RUN python -m venv /opt/fireside \
    && /opt/fireside/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/core.txt
COPY --from=wheel /build/dist dist
RUN /opt/fireside/bin/python -m pip install --no-cache-dir --no-deps dist/*.whl \
    && /opt/fireside/bin/python -m compileall -q -j 0 /opt/fireside/lib
RUN mkdir -p /opt/fireside/models \
    && if [ "$LOCAL_MODEL" = true ]; then \
      /opt/fireside/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/local.txt \
      && /opt/fireside/bin/python -m fireside.runners.llama.weights install --dir /opt/fireside/models; \
    fi

FROM python:3.11-slim-bookworm
ARG LOCAL_MODEL=false
# libgomp is what the embedded model's engine needs besides Python.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /data fireside
COPY --from=install /opt/fireside /opt/fireside
RUN install -d -o 10001 -g 10001 -m 0700 /data
ENV PATH=/opt/fireside/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    FIRESIDE_HOST=0.0.0.0 \
    FIRESIDE_PORT=8080 \
    FIRESIDE_DATA_DIR=/data \
    FIRESIDE_MODELS_DIR=/opt/fireside/models \
    FIRESIDE_LOCAL_MODEL=$LOCAL_MODEL
# Nothing is written but to /data and /tmp, so the root file system can be read-only.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s --retries=3 CMD ["fireside", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["fireside"]
CMD ["serve"]
