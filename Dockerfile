# What browsers load of the console's packages.
FROM node:22-slim AS console
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund

# Build: everything into one virtual environment. The final image gets that and nothing else.
# Every package has the version and the hashes of conf/requirements.lock (`make lock`).
FROM python:3.11-slim AS build
WORKDIR /src
ENV PATH=/opt/tollgate/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/tollgate
COPY conf/requirements.lock conf/
RUN pip install --require-hashes -r conf/requirements.lock
COPY setup.py pyproject.toml README.md LICENSE ./
COPY gateway/ gateway/
COPY ledger/ ledger/
COPY admin/ admin/
COPY conf/ conf/
COPY static/ static/
COPY package.json ./
COPY --from=console /src/node_modules node_modules/
RUN python -m gateway.console_packages
RUN pip install --no-deps --no-build-isolation . \
    && pip check \
    && pip uninstall -y setuptools pip

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Tollgate" \
      org.opencontainers.image.description="An OpenAI-compatible LLM gateway that keeps books" \
      org.opencontainers.image.licenses="MIT AND GPL-2.0-only"
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin tollgate \
    && install -d -o tollgate -g tollgate -m 0700 /data \
    && python -m pip uninstall -y --quiet --root-user-action=ignore setuptools wheel pip
COPY --from=build /opt/tollgate /opt/tollgate
ENV PATH=/opt/tollgate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=3000 \
    TOLLGATE_DATA_DIR=/data
WORKDIR /data
USER 10001:10001
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request as u; e = os.environ; u.urlopen(f'http://127.0.0.1:{e.get(\"OPS_PORT\") or e[\"PORT\"]}/health/live', timeout=4)"]
# The server itself is the first process, so that signals reach it.
ENTRYPOINT ["tollgate"]
CMD ["serve"]
