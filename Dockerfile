# One image for every part: which one it is, the command says (see docker-compose.yml).
FROM python:3.12-slim

WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY orchestrator orchestrator
COPY workers workers
COPY adapters adapters
RUN pip install --no-cache-dir --no-deps . \
    && useradd --create-home --uid 1000 orchestrator \
    && install -d -o orchestrator /data

USER orchestrator
ENV ORCHESTRATOR_DATA_DIR=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8080 5555
ENTRYPOINT ["orchestrator"]
CMD ["up", "api", "--host", "0.0.0.0"]
