# syntax=docker/dockerfile:1
# xmsyncd as an image: docker build -t xmsyncd .
# Two stages: what builds (pip, the source) stays in the first. Every package is pinned by its hash, see
# requirements/; the base image by its version. Where your registry keeps digests, pin that too:
#   docker build --build-arg PYTHON_IMAGE=python:3.13.7-slim-bookworm@sha256:… -t xmsyncd .
ARG PYTHON_IMAGE=python:3.13.7-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/xmsyncd
WORKDIR /src
COPY requirements/ requirements/
RUN /opt/xmsyncd/bin/pip install --require-hashes -r requirements/build.txt
RUN /opt/xmsyncd/bin/pip install --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY xmsyncd/ xmsyncd/
RUN /opt/xmsyncd/bin/pip install --no-deps --no-build-isolation .
RUN /opt/xmsyncd/bin/pip uninstall --yes hatchling setuptools pip

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="xmsyncd" \
      org.opencontainers.image.description="OKKI products to Yida, each once" \
      org.opencontainers.image.licenses="Apache-2.0"
# A fixed number, so that files of the host can be given to it: chown 10001
RUN groupadd --gid 10001 xmsyncd \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/xmsyncd --shell /usr/sbin/nologin xmsyncd \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/xmsyncd
COPY --from=build /opt/xmsyncd /opt/xmsyncd
ENV PATH=/opt/xmsyncd/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    XMSYNCD_CONFIG=/etc/xmsyncd/xmsyncd.yaml \
    XMSYNCD_LEDGER__URL=sqlite:////var/lib/xmsyncd/xmsyncd.db
USER 10001:10001
WORKDIR /var/lib/xmsyncd
# The folder of the ledger, not the file alone: lock, log and generation file live beside it.
VOLUME /var/lib/xmsyncd
EXPOSE 9464
STOPSIGNAL SIGTERM
# The port is http.port; change this with it. /livez is 503 as soon as a part of the daemon has died.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/livez', timeout=4)"]
# The daemon is process 1 itself, without a shell: signals reach it.
ENTRYPOINT ["xmsyncd"]
CMD ["run"]
