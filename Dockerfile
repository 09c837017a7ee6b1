# One image for Airflow, the command line and the sandbox. Built by docker-compose.yml.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    GX_ANALYTICS_ENABLED=false \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false

RUN useradd --create-home --uid 50000 siyu && mkdir -p /opt/siyu /var/lib/siyu /opt/airflow \
    && chown -R siyu /opt/siyu /var/lib/siyu /opt/airflow
WORKDIR /opt/siyu
COPY requirements.txt ./
RUN pip install --require-hashes -r requirements.txt
COPY --chown=siyu . .
RUN pip install --no-deps --editable .
USER siyu
ENV SIYU_HOME=/var/lib/siyu AIRFLOW_HOME=/opt/airflow AIRFLOW__CORE__DAGS_FOLDER=/opt/siyu/dags
CMD ["siyu", "--help"]
