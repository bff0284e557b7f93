# Build: everything into one virtual environment. The final image gets that and nothing else.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/tollgate
ENV PATH=/opt/tollgate/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY setup.py README.md ./
COPY gateway/ gateway/
COPY ledger/ ledger/
COPY admin/ admin/
COPY conf/ conf/
COPY static/ static/
RUN pip install ".[embedded,speed,import]" && pip uninstall -y pip setuptools

FROM python:3.11-slim
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin tollgate \
    && install -d -o tollgate -g tollgate -m 0700 /data
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
ENTRYPOINT ["tollgate"]
CMD ["serve"]
